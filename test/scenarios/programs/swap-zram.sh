#!/bin/sh
# SPDX-License-Identifier: MIT
# Swap on two zram devices, zram0 in memory and zram1 with /dev/sdb2 to write back to, and memory that is swapped out to them.
# swap-zram make: makes both. swap-zram hold NAME: runs hold-memory in a memory cgroup of its own. swap-zram out NAME AREA: has
# its memory swapped out, and fails if it does not go to AREA. swap-zram write-back: moves what zram1 has to its disk.
# swap-zram used AREA: how many kB are in use. swap-zram rewrite NAME: hold-memory finds what it has written, and rewrites it.
set -e
cgroups=/run/cg2
used() { awk -v area=/dev/"$1" '$1 == area { print $4 }' /proc/swaps; }
case $1 in
make)
    mkdir -p $cgroups && mount -t cgroup2 none $cgroups && echo +memory > $cgroups/cgroup.subtree_control
    [ "$(cat /sys/class/zram-control/hot_add)" = 1 ]
    echo /dev/sdb2 > /sys/block/zram1/backing_dev
    # What zram1 holds in the end is more than zram0 has free.
    echo 48M > /sys/block/zram0/disksize && mkswap /dev/zram0 > /dev/null
    echo 64M > /sys/block/zram1/disksize && mkswap /dev/zram1 > /dev/null
    swapon -p 10 /dev/zram0
    ;;
hold)
    mkdir $cgroups/"$2" && echo $$ > $cgroups/"$2"/cgroup.procs && echo $$ > /run/"$2".pid
    exec hold-memory 20 > /run/"$2"
    ;;
out)
    until grep -q . /run/"$2"; do sleep 0.1; done
    grep -q "$3" /proc/swaps || swapon -p 20 /dev/"$3"
    before=$(used "$3")
    echo 20M > $cgroups/"$2"/memory.reclaim || true
    [ $(($(used "$3") - before)) -gt 15000 ] || { cat /proc/swaps $cgroups/"$2"/memory.stat; exit 1; }
    ;;
write-back)
    before=$(awk '{ print $3 }' /sys/block/zram1/bd_stat)
    echo all > /sys/block/zram1/idle && echo idle > /sys/block/zram1/writeback
    [ $(($(awk '{ print $3 }' /sys/block/zram1/bd_stat) - before)) -gt 3500 ]
    ;;
used) used "$2" ;;
rewrite)
    before=$(grep -c rewritten /run/"$2") || true
    kill -USR1 "$(cat /run/"$2".pid)"
    until [ "$(grep -c rewritten /run/"$2")" -gt "$before" ]; do
        kill -0 "$(cat /run/"$2".pid)" || { cat /run/"$2"; exit 1; }
        sleep 0.1
    done
    ;;
esac
