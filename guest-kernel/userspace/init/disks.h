/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds disks and partitions by what is theirs, since the kernel names disks in the order in which it happens to find
 * them, and that order differs from boot to boot when there are several processors.
 */
#ifndef DISKS_H
#define DISKS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is there such a device now? Copies the path of its node to `path` if so. `spec` is UUID=..., PARTUUID=...,
 * PARTLABEL=..., a path of /dev/disk/by-uuid, by-partuuid or by-partlabel, or any other path of a block device.
 */
bool disks_find(const char *spec, char *path, size_t size);

/* Makes the links of /dev/disk/by-uuid, by-partuuid and by-partlabel as udev does, for all devices that there are. */
void disks_link(void);

#endif
