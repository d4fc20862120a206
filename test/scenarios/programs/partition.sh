#!/bin/sh -e
# SPDX-License-Identifier: MIT
# partition DISK NUMBER: the path of a partition of sda, sdb, ..., which the kernel names by the bus of the disk. It need not be there.
disk=$(readlink -f "/dev/$1")
case $disk in
*[0-9]) echo "${disk}p$2" ;;
*) echo "$disk$2" ;;
esac
