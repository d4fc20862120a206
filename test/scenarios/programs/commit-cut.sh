#!/bin/sh
# SPDX-License-Identifier: MIT
# commit-cut.sh begin|live SECONDS...|check|write ROUND|check ROUND: what there is of a commit when the power goes.
# begin: files on the root and on /mnt/ext4. live: in a live timeline, writes to them, syncs, begins to commit, and leaves that to itself
# after the SECONDS of this round, with a program that writes block after block of /mnt/ext4/file. That program notes on sdb3, which has no substitute,
# how many are synced. check: after a boot, all that was synced is there. write: the same files of this round and nothing else, for a commit
# that somebody else begins; check with that round: they are there as a whole, or with round 0 what was there at the beginning.
# The file consists of lines of 8 bytes: "L" and the round in all blocks, or "W", the round and the number of the block.
line() { printf '%-7s' "$1"; }
mounted() { mkdir -p /mnt/ext4 /media && mount -t ext4 /dev/sdb4 /mnt/ext4; }
write() {
    yes "$(line "L$1")" | dd of=/mnt/ext4/file bs=1M count=6 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
    for i in $(seq 40); do echo "live $1" > /root/set/$i; done
    sync
}
case $1 in
begin)
    mounted && mkdir /root/set && write 0
    ;;
write)
    write "$2"
    ;;
live)
    mount -t ext4 /dev/sdb3 /media || exit 1
    round=$(($(cat /media/round 2> /dev/null || echo 0) + 1))
    write "$round"
    echo "$round" > /media/round && echo 0 > /media/synced && sync -f /media/round
    n=0
    while [ $((n += 1)) -lt 1000 ]; do
        yes "$(line "W$round.$n")" | dd of=/mnt/ext4/file bs=4k count=1 seek="$n" iflag=fullblock conv=notrunc,fsync 2> /dev/null || break
        echo "$n" | dd of=/media/synced conv=fsync 2> /dev/null
    done &
    sleep 0.1
    snapctl commit > /run/commit 2>&1 &
    until snapctl info /dev/sdb1 | grep -q 'being committed'; do :; done
    shift "$round"
    sleep "$1"
    snapctl info | grep '^store'
    ;;
check)
    mounted && mount -t ext4 /dev/sdb3 /media || exit 1
    round=${2:-$(cat /media/round)} synced=${2:+0}
    synced=${synced:-$(cat /media/synced)}
    echo "round $round: ${synced:-0} blocks synced"
    for i in $(seq 40); do [ "$(cat /root/set/$i)" = "live $round" ] || { echo "/root/set/$i: $(cat /root/set/$i)"; exit 1; }; done
    uniq -c /mnt/ext4/file | awk -v round="$round" -v synced="${synced:-0}" '
        {
            if ($1 % 512) { print "block " block ": torn at " $2; exit 1 }
            for (last = block + $1 / 512; block < last; block++) {
                own = "W" round "." block
                if (block && block <= synced ? $2 != own : $2 != own && $2 != "L" round) { print "block " block ": " $2; exit 1 }
            }
        }' || exit 1
    umount /media
    ;;
esac
