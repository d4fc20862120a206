/* SPDX-License-Identifier: GPL-2.0-only */
/* Just enough of device-mapper to put the root on a linear device and to remove devices, without dmsetup. */
#ifndef DM_H
#define DM_H

#include <sys/types.h>

/*
 * Makes /dev/mapper/NAME, a linear device over the whole of the block device `backing`.
 * 0, or -1 after saying what failed.
 */
int dm_linear(const char *name, const char *backing);

/* Calls `use` with the name and number of each device that there is. */
void dm_each(void (*use)(const char *name, dev_t dev, void *data), void *data);

/* 0, or -1 and errno: EBUSY while something uses the device. */
int dm_remove(const char *name);

#endif
