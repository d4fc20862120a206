#!/bin/sh
# SPDX-License-Identifier: MIT
# leftovers [FILE]: prints what a snapshot could leave behind. With FILE, which it has printed earlier, it fails if there is more.
count() {
  sync
  echo 3 > /proc/sys/vm/drop_caches
  # Pages on the lists of a processor are free, but are not among MemFree. There can be thousands.
  echo memory $(awk '/^MemFree|^SwapFree/ { sum += $2 } /^ *count:/ { sum += 4 * $2 } END { print -sum }' /proc/meminfo /proc/zoneinfo)
  echo slab $(awk '/^SUnreclaim/ { print $2 }' /proc/meminfo)
  echo files $(cut -f1 /proc/sys/fs/file-nr)
  echo mounts $(wc -l < /proc/mounts)
  echo devices $(ls /sys/block | wc -l)
  # Without those of work queues, which come and go.
  echo tasks $(cat /proc/[0-9]*/stat 2> /dev/null | grep -vc '(kworker/')
}
[ -n "$1" ] || { count; exit; }
count | {
  wrong=0
  while read -r what now; do
    before=$(awk -v what="$what" '$1 == what { print $2 }' "$1")
    # Memory in KiB: caches that come back by themselves.
    case $what in memory | slab) more=1024 ;; files) more=32 ;; tasks) more=4 ;; *) more=0 ;; esac
    echo "$what: $now, $before before"
    [ "$now" -le $((before + more)) ] || wrong=1
  done
  exit $wrong
}
