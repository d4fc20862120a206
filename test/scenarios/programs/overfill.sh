#!/bin/sh
# SPDX-License-Identifier: MIT
# overfill FILE: in the live timeline, fills the store, by way of this file and of the root filesystem, until no program can be started
# from the root filesystem. Nothing but what is in memory runs then. Ends with 3, or with 1 if the store is not full.
dmesg -n 1
trap '' BUS
{
  yes live | dd of="$1" bs=1M count=64 iflag=fullblock conv=fsync
  yes live | dd of=/root/much bs=1M count=64 iflag=fullblock conv=fsync
} 2> /run/said
grep -q 'No space left' /run/said || exit 1
rm -f /etc/passwd
n=0
while [ $n -lt 100 ] && sync && echo $n > /root/small.$n && echo 3 > /proc/sys/vm/drop_caches; do n=$((n + 1)); done
exit 3
