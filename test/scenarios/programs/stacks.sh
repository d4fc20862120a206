#!/bin/sh
# SPDX-License-Identifier: MIT
# Devices that write by themselves, on the disk of the recipe `stacks`, each with an ext4 on it under /mnt/NAME.
# stacks.sh make NAME...: makes and mounts them. stacks.sh load NAME...: has a program write to each all the time.
# stacks.sh check NAME...: all of them write on, and none has seen an error. stacks.sh end NAME...: writers stop,
# filesystems go. stacks.sh fsck NAME...: each filesystem is clean by its own tool.
set -e
export DM_DISABLE_UDEV=1
number() { cat /sys/class/block/"$1"/dev; }
sectors() { blockdev --getsz "$1"; }
device() {
    case $1 in
    thin | cache | integrity) echo /dev/mapper/"$1" ;;
    mirror) echo /dev/md0 ;;
    bcache) echo /dev/bcache0 ;;
    esac
}
make() {
    case $1 in
    thin)
        dmsetup create pool --table "0 $(sectors /dev/sdb5) thin-pool $(number sdb4) $(number sdb5) 128 8"
        dmsetup message pool 0 'create_thin 0'
        # Larger than what is behind it.
        dmsetup create thin --table "0 65536 thin $(number dm-1) 0"
        ;;
    cache)
        # With CACHE=writeback, what it writes goes to the fast disk first, and to the slow one by and by.
        dmsetup create cache --table "0 $(sectors /dev/sdb8) cache $(number sdb6) $(number sdb7) $(number sdb8) 128 1 ${CACHE:-writethrough} default 0"
        ;;
    integrity)
        # Direct writes; with JOURNAL=J, they go to a journal first, and to their places by and by.
        mode=${JOURNAL:-D}
        dmsetup create integrity --table "0 8 integrity $(number sdb9) 0 4 $mode 1 internal_hash:crc32c"
        dmsetup remove integrity
        # The number of sectors it provides stands in the superblock that it has just written.
        size=$(od -A n -t u8 -j 16 -N 8 /dev/sdb9 | tr -d ' ')
        dmsetup create integrity --table "0 $size integrity $(number sdb9) 0 4 $mode 1 internal_hash:crc32c"
        # Its checksums are valid from the first write on.
        dd if=/dev/zero of=/dev/mapper/integrity bs=1M oflag=direct 2> /dev/null || true
        ;;
    mirror) md-mirror md0 /dev/sdb10 /dev/sdb11 ;;
    bcache)
        make-bcache cache /dev/sdb12
        make-bcache backing /dev/sdb13
        echo /dev/sdb12 > /sys/fs/bcache/register
        # Its superblock names the set of the cache: that is attached at once.
        echo /dev/sdb13 > /sys/fs/bcache/register
        [ "$(cat /sys/block/bcache0/bcache/state)" = clean ]
        echo ${CACHE:-writethrough} > /sys/block/bcache0/bcache/cache_mode
        ;;
    esac
    # Not at the begin, so that nobody takes one of the devices below for the filesystem.
    below=$(device "$1")
    dmsetup create "$1"-ext4 --table "0 $(($(sectors "$below") - 16)) linear $below 16"
    mke2fs -q -t ext4 /dev/mapper/"$1"-ext4
    mkdir -p /mnt/"$1"
    mount -t ext4 /dev/mapper/"$1"-ext4 /mnt/"$1"
}
rounds() { cat /mnt/"$1"/rounds; }
load() {
    setsid fs-load /mnt/"$1" > /run/"$1" 2>&1 < /dev/null &
    echo $! > /run/"$1".pid
    until [ -s /mnt/"$1"/rounds ]; do kill -0 "$(cat /run/"$1".pid)" || { cat /run/"$1"; exit 1; }; sleep 0.1; done
}
check() {
    before=$(rounds "$1")
    until [ "$(rounds "$1")" != "$before" ]; do
        kill -0 "$(cat /run/"$1".pid)" || { echo "$1: $(cat /run/"$1")"; exit 1; }
        sleep 0.05
    done
}
end() {
    kill "$(cat /run/"$1".pid)"
    while kill -0 "$(cat /run/"$1".pid)" 2> /dev/null; do sleep 0.05; done
    [ ! -s /run/"$1" ] || { cat /run/"$1"; exit 1; }
    umount /mnt/"$1"
}
fsck() { e2fsck -fn /dev/mapper/"$1"-ext4; }
what=$1
shift
for name; do "$what" "$name"; done
