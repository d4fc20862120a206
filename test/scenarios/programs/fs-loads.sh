#!/bin/sh
# SPDX-License-Identifier: MIT
# fs-load.sh start: a writer for each of the filesystems. fs-load.sh check: all of them write on, and none has seen an error.
all='ext4 xfs btrfs f2fs vfat stacked loop overlay'
rounds() { cat /mnt/"$1"/work-of-load/rounds; }
case $1 in
start)
    for name in $all; do
        mkdir -p /mnt/"$name"/work-of-load
        setsid fs-load /mnt/"$name"/work-of-load > /run/fs/"$name" 2>&1 < /dev/null &
        echo $! > /run/fs/"$name".pid
    done
    for name in $all; do
        until [ -s /mnt/"$name"/work-of-load/rounds ]; do sleep 0.1; done
    done
    ;;
check)
    for name in $all; do
        before=$(rounds "$name")
        until [ "$(rounds "$name")" != "$before" ]; do
            kill -0 "$(cat /run/fs/"$name".pid)" || { echo "$name: $(cat /run/fs/"$name")"; exit 1; }
            sleep 0.05
        done
    done
    ;;
esac
