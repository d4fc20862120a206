/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of the machine's disks. The word rig.disks=SERIAL,SERIAL of the kernel command line has their serial numbers:
 * the first disk is /dev/sda, the second one /dev/sdb. Without it, the kernel's names are taken as they are.
 */
#ifndef DISK_NAMES_H
#define DISK_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Gives the disks their names: a SCSI or ATA disk gets its name from the kernel, as its driver takes the disks anew if
 * they are in another order. To a disk of another kind, such as nvme0n1, and to its partitions /dev/sda and so on are
 * links; such disks are in the order of their kernel's names. False while a disk has not appeared.
 */
bool disk_names_ready(void);

/* Describes what is wrong with the disks, after disk_names_ready() was false; which disks there are. */
void disk_names_missing(char *text, size_t size);

#endif
