/* SPDX-License-Identifier: GPL-2.0-only */
/* A digest of the structure of a vfat filesystem. */
#ifndef SNAPCTL_VFAT_H
#define SNAPCTL_VFAT_H

#include "place.h"

struct vfat_sum {
	uint32_t boot;		/* reserved sectors: boot sector and, on FAT32, free clusters */
	uint32_t table;
	uint32_t folders;	/* of all of them: names, sizes, times */
};

/* False when it makes no sense. Reads the table and all folders, at most some megabytes of each. */
bool vfat_sum(struct reading *reading, struct vfat_sum *sum);

#endif
