#!/bin/sh
# SPDX-License-Identifier: MIT
# swap-in-parts.sh: makes /dev/mapper/swap from the swap area /dev/sdb2, with one page replaced by the first page of /dev/sdb1: the page
# that the last page of the map of an uncompressed image gets. How many pages the next image has is known from the last attempt, and from what
# is added to memory here, so that the last page of the map is about half full: a few pages more or less do not matter.
set -e
export DM_DISABLE_UDEV=1
swapoff -a
[ ! -e /dev/mapper/swap ] || dmsetup remove swap
# One page of information comes first, then a word for each page of memory, then the pages themselves without those of zeros.
set -- $(dmesg | sed -n 's/.*Image created (\([0-9]*\) pages copied, \([0-9]*\) zero pages).*/\1 \2/p' | tail -n 1)
pages=$((1 + (${1:-0} + ${2:-0} + 1023) / 1024 + ${1:-0}))
# A page of the map has 511 places, and lies before the pages that it names.
more=$(((511 + 255 - pages % 511) % 511))
head -c $((4096 * more)) /dev/urandom >> /run/filler
at=$((8 * (1 + 512 * ((pages + more) / 511))))
size=$(blockdev --getsz /dev/sdb2)
dmsetup create swap << END
0 $at linear /dev/sdb2 0
$at 8 linear /dev/sdb1 0
$((at + 8)) $((size - at - 8)) linear /dev/sdb2 $((at + 8))
END
swapon /dev/mapper/swap
sync
echo 3 > /proc/sys/vm/drop_caches
