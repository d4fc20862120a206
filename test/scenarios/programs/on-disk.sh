# SPDX-License-Identifier: MIT
# What programs of scenarios ask of $disk, past the substitute of its $partition: the programs set both, as paths, and read this file.
numbers=/sys/block/${disk#/dev/}/${partition#/dev/}
start=$(cat "$numbers/start") sectors=$(cat "$numbers/size")

# Is the same on the disk as on the partition, as whoever has that mounted sees it?
is_on_disk() {
    dd if="$disk" bs=64k skip="$((start * 512))" count="$((sectors * 512))" iflag=direct,skip_bytes,count_bytes 2> /dev/null | md5sum > /run/disk
    dd if="$partition" bs=64k iflag=direct 2> /dev/null | md5sum > /run/partition
    cmp -s /run/disk /run/partition
}
# Writes over the disk what is there: the first of the partition's sectors.
writes_disk() {
    dd if="$disk" of=/run/sector bs=512 skip="$start" count=1 iflag=direct 2> /dev/null &&
        dd if=/run/sector of="$disk" bs=512 seek="$start" count=1 oflag=direct conv=notrunc 2> /dev/null
}
