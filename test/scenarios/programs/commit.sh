#!/bin/sh
# SPDX-License-Identifier: MIT
# commit.sh FILE DISK PARTITION: in a live timeline, makes that the only one while programs write and read FILE, which is on a filesystem
# of DISK's PARTITION, and has a size of at least 4 MiB. Each program reads what it has just written. Afterwards everything is on DISK,
# which is not guarded any more, and the image can be neither read nor gone back to.
file=$1 disk=/dev/$2 partition=/dev/$3
. on-disk.sh
rm -f /run/stop /run/wrong

wrong() { echo "$*"; exit 1; }
# keep BS COUNT SEEK: writes COUNT blocks of BS bytes from block SEEK on, and reads them, until there is the file /run/stop. What is
# written last stays in /run/SEEK.BS.
keep() {
    round=0
    while [ ! -e /run/stop ]; do
        round=$((round + 1))
        yes "round $round of $1" | dd bs="$1" count="$2" iflag=fullblock of="/run/$3.$1" 2> /dev/null
        dd if="/run/$3.$1" bs="$1" of="$file" seek="$3" oflag=direct conv=notrunc 2> /dev/null || exit 1
        dd if="$file" bs="$1" skip="$3" count="$2" iflag=direct 2> /dev/null | cmp -s - "/run/$3.$1" || { echo "$1 at $3, round $round" > /run/wrong; exit 1; }
    done
}
flushed() { while [ ! -e /run/stop ]; do dd if=/dev/zero of="$file" bs=4k count=8 seek=900 conv=notrunc,fdatasync 2> /dev/null || exit 1; done; }

yes live | dd of="$file" bs=1M count=4 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
! is_on_disk || wrong "$partition has no substitute"
! writes_disk || wrong "$disk is guarded"

pids=
keep 4k 64 0 & pids="$pids $!"
keep 512 64 1024 & pids="$pids $!"
keep 64k 8 16 & pids="$pids $!"
flushed & pids="$pids $!"
sleep 0.3
snapctl commit --wait --no-recovery || exit 1
sleep 0.3
touch /run/stop
for pid in $pids; do wait "$pid" || wrong "a program saw an error $(cat /run/wrong)"; done
! cat <&"$SNAPSHOT_FD" > /dev/null 2> /run/stale && grep -q Stale /run/stale || wrong 'the image can still be read'
! snapctl rollback 2> /run/stale && grep -q Stale /run/stale || wrong 'the system could go back'
snapctl commit --no-recovery || wrong 'what is committed is committed'

sync
echo 3 > /proc/sys/vm/drop_caches
is_on_disk || wrong "$partition is not what is on $disk"
writes_disk || wrong "$disk is guarded"
for block in 0.4k 1024.512 16.64k; do
    bytes=${block#*.}
    dd if="$file" bs="$bytes" skip="${block%.*}" 2> /dev/null | cmp -s -n "$(stat -c %s "/run/$block")" - "/run/$block" || wrong "$block is lost"
done
yes live | head -c 4M | tail -c 256k | cmp -s - "$file" -i 0:$((4 * 1024 * 1024 - 256 * 1024)) || wrong 'what was written before is lost'
