#!/bin/sh
# SPDX-License-Identifier: MIT
# commit-stale.sh live|check: an image is saved of a live timeline, which is then committed all the same.
# live: in a live timeline, writes to /mnt/ext4/file, saves the image to sdb3, and begins to commit. From before the first write to a
# device, snapctl must not restore the image any more. check: after a boot, the file is as the live timeline has left it.
case $1 in
live)
    wrong() { printf '%s\n' "$@"; exit 1; }
    mkdir -p /media && mount -t ext4 /dev/sdb3 /media || exit 1
    yes "live   " | dd of=/mnt/ext4/file bs=1M count=6 iflag=fullblock conv=notrunc,fsync 2> /dev/null || exit 1
    snapctl save /media/snapshot && sync || exit 1
    snapctl resume --check /media/snapshot || wrong "the image would not be restored although nothing has been committed"
    snapctl commit > /run/commit 2>&1 &
    while snapctl info > /run/info && ! grep -q 'being merged' /run/info; do sleep 0.01; done
    snapctl resume --check /media/snapshot > /run/said 2>&1
    status=$?
    # By the time of the check the filesystems may have changed, too. The store alone must be reason enough.
    [ "$status" = 4 ] && grep -q 'is stale: its snapshot was being committed' /run/said ||
        wrong "the image is not refused for the commit of its snapshot, but:" "$(cat /run/said /run/info)"
    cat /run/said /run/info
    sleep "${2:-0}"
    ;;
check)
    mkdir -p /mnt/ext4 && mount -t ext4 /dev/sdb4 /mnt/ext4 && yes "live   " | cmp -n 6M - /mnt/ext4/file
    ;;
esac
