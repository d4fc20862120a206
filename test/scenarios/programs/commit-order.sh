#!/bin/sh
# SPDX-License-Identifier: MIT
# commit-order.sh begin|live|check: what the next boot finds when the power goes while a live timeline is committed.
# begin: a file of zeros on /mnt/ext4. live: in a live timeline, fills it with lines, and begins to commit. check: after a boot, the device
# is what the store on sdb1 says: all of the live timeline is there if it has been committed, and nothing if not.
mount_ext4() { mkdir -p /mnt/ext4 && mount -t ext4 /dev/sdb4 /mnt/ext4; }
case $1 in
begin) mount_ext4 && head -c 6M /dev/zero > /mnt/ext4/file && sync ;;
live)
    yes "live   " | dd of=/mnt/ext4/file bs=1M count=6 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
    snapctl commit > /run/commit 2>&1 &
    sleep "${2:-0.5}"
    ;;
check)
    mount_ext4 || exit 1
    live=$(grep -a -c live /mnt/ext4/file)
    state=$(snapctl info /dev/sdb1 | sed -n 's|^state: *\([a-z]*\).*|\1|p')
    [ "$state" = committed ] && wanted=786432 || wanted=0
    echo "the store says '$state': the device has $live lines of the live timeline, and should have $wanted"
    [ "$live" = "$wanted" ]
    ;;
esac
