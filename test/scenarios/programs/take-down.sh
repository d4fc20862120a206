#!/bin/sh
# SPDX-License-Identifier: MIT
# take-down.sh FILE DISK PARTITION: in a live timeline, has the kernel take down all substitutes while programs write and read FILE,
# which is on a filesystem of DISK's PARTITION. No program may see an error. Then what is written is on DISK, which is not guarded
# any more, and the image, which does not know of that, can no longer be read.
# The filesystem must have nothing to write but what FILE, which is written in place, contains: what was written elsewhere before is
# lost with the substitutes.
file=$1 disk=/dev/$2 partition=/dev/$3
. on-disk.sh
rm -f /run/stop

# One kind of I/O each until there is the file /run/stop.
keep() { while [ ! -e /run/stop ]; do "$@" || exit 1; done; }
direct() { dd if=/dev/zero of="$file" bs="$1" count="$2" seek="$3" oflag=direct conv=notrunc 2> /dev/null && dd if="$file" of=/dev/null bs="$1" count="$2" skip="$3" iflag=direct 2> /dev/null; }
flushed() { dd if=/dev/urandom of="$file" bs=4k count=8 seek=700 conv=notrunc,fdatasync 2> /dev/null; }
raw() { dd if="$partition" of=/dev/null bs=1M count=4 iflag=direct 2> /dev/null; }

yes live | dd of="$file" bs=1M count=2 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
! is_on_disk || { echo "$partition has no substitute"; exit 1; }
! writes_disk || { echo "$disk is not guarded"; exit 1; }

pids=
keep direct 4k 64 0 & pids="$pids $!"
keep direct 512 64 1024 & pids="$pids $!"
keep direct 256k 4 1 & pids="$pids $!"
keep flushed & pids="$pids $!"
keep raw & pids="$pids $!"
sleep 0.3
echo > /sys/module/rig/parameters/take_down || { echo 'the substitutes were not taken down'; exit 1; }
sleep 0.3
touch /run/stop
for pid in $pids; do wait "$pid" || { echo 'a program saw an error'; exit 1; }; done
! cat <&"$SNAPSHOT_FD" > /dev/null 2> /run/stale && grep -q Stale /run/stale || { echo 'the image can still be read'; exit 1; }

yes later | dd of="$file" bs=1M count=2 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
sync
# Sectors without a file that are in the page cache of neither.
echo 3 > /proc/sys/vm/drop_caches
is_on_disk || { echo "$partition is not itself again"; exit 1; }
writes_disk || { echo "$disk is guarded"; exit 1; }
yes later | head -c 2M | cmp - "$file" -n 2M
