#!/bin/sh
# SPDX-License-Identifier: MIT
# Mounts a filesystem of each kind under /mnt, some of them on others, and has a program write to each all the time.
set -e
export DM_DISABLE_UDEV=1
mkdir -p /run/fs
for volume in sdb4:ext4 sdb5:xfs sdb6:btrfs sdb7:f2fs sdb8:vfat; do
    type=${volume#*:}
    mkdir -p /mnt/"$type"
    mount -t "$type" /dev/"${volume%:*}" /mnt/"$type"
done
# A device-mapper device on another.
sectors=$(blockdev --getsz /dev/sdb9)
dmsetup create lower --table "0 $sectors linear /dev/sdb9 0"
dmsetup create upper --table "0 $sectors linear $(dmsetup info -c --noheadings --separator : -o major,minor lower) 0"
mkdir -p /mnt/stacked && mount -t ext4 /dev/mapper/upper /mnt/stacked
# A filesystem in a file of another; and one that shows two others as one.
truncate -s 8M /mnt/ext4/disk
mke2fs -q -t ext4 /mnt/ext4/disk
mkdir -p /mnt/loop && mount -o loop -t ext4 /mnt/ext4/disk /mnt/loop
mkdir -p /mnt/overlay /mnt/xfs/lower /mnt/ext4/upper /mnt/ext4/work
echo lower > /mnt/xfs/lower/below
mount -t overlay -o lowerdir=/mnt/xfs/lower,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work overlay /mnt/overlay
# Swap in a file, beside that on a partition.
dd if=/dev/zero of=/mnt/ext4/swap bs=1M count=4 2> /dev/null
chmod 600 /mnt/ext4/swap && mkswap -q /mnt/ext4/swap && swapon -p 10 /mnt/ext4/swap
