#!/bin/sh
# SPDX-License-Identifier: MIT
# orphan.sh sdb1|memory: takes a snapshot with this store, writes to /root/file, and kills all that has the descriptor while the image is
# being saved. If the system is to go back to the snapshot, this ends in the restored timeline.
store=${1#memory}
snapctl take ${store:+-c "/dev/$store"} sh -c '
    echo live > /root/file && sync
    snapctl save --no-compression - | { eval "exec $SNAPSHOT_FD<&-"; head -c 1M; sleep 1000; } > /dev/null 2>&1 &
    sleep 0.2; kill -9 $(pidof snapctl) $$'
# The snapctl that has been killed is that of the live timeline.
[ $? = 0 ] || ! grep -q '\[rollback\]' /sys/kernel/snapshot/orphan || { sleep 60; exit 1; }
