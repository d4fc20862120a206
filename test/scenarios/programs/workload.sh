#!/bin/sh
# SPDX-License-Identifier: MIT
# workload start|check WORK FILESYSTEM: mounts the filesystem and begins the work on it; or looks whether all is well with it.
set -e
work=$2
dir=/mnt/$3
state=/run/workload
volume() {
    case $1 in ext4) echo sdb4 ;; xfs) echo sdb5 ;; btrfs) echo sdb6 ;; f2fs) echo sdb7 ;; vfat) echo sdb8 ;; esac
}
case $1 in
start)
    mkdir -p "$dir" $state
    mount -t "$3" /dev/"$(volume "$3")" "$dir"
    mkdir "$dir"/work
    ;;
esac
case $1-$work in
# A program that writes in all the usual ways, and reads back what it has written.
start-writer)
    setsid fs-load "$dir"/work > $state/log 2>&1 < /dev/null &
    echo $! > $state/pid
    until [ -s "$dir"/work/rounds ]; do sleep 0.1; done
    ;;
check-writer)
    before=$(cat "$dir"/work/rounds)
    until [ "$(cat "$dir"/work/rounds)" != "$before" ]; do
        kill -0 "$(cat $state/pid)" || { cat $state/log; exit 1; }
        sleep 0.05
    done
    ;;
# Many small files that are still in the page cache only, and one that has no name any more.
start-files)
    head -c 1M /dev/urandom > "$dir"/work/gone
    md5sum < "$dir"/work/gone > $state/gone
    setsid sh -c 'exec 3< "$1"; rm "$1"; while [ ! -e /run/workload/go ]; do sleep 0.1; done; md5sum <&3 > /run/workload/now' sh "$dir"/work/gone < /dev/null > /dev/null 2>&1 &
    while [ -e "$dir"/work/gone ]; do sleep 0.1; done
    for at in $(seq 300); do head -c $((at * 37)) /dev/urandom > "$dir"/work/"$at"; done
    find "$dir"/work -type f -exec md5sum {} + > $state/sums
    ;;
check-files)
    md5sum -c --quiet $state/sums
    touch $state/go
    until [ -s $state/now ]; do sleep 0.1; done
    cmp $state/gone $state/now
    ;;
# A process with memory of its own, which swsusp may have to swap out, and a file in the page cache.
start-memory)
    setsid hold-memory 16 > $state/log 2>&1 < /dev/null &
    echo $! > $state/pid
    until grep -q ready $state/log; do sleep 0.1; done
    head -c 8M /dev/urandom > "$dir"/work/data
    md5sum "$dir"/work/data > $state/sums
    ;;
check-memory)
    md5sum -c --quiet $state/sums
    kill -USR1 "$(cat $state/pid)"
    until grep -q rewritten $state/log; do
        kill -0 "$(cat $state/pid)" || { cat $state/log; exit 1; }
        sleep 0.05
    done
    ;;
*)
    echo "there is no work '$work'"
    exit 1
    ;;
esac
