/* SPDX-License-Identifier: GPL-2.0-only */
/* Just enough of device-mapper to put the root on a linear device, without dmsetup. */
#ifndef DM_H
#define DM_H

/*
 * Makes /dev/mapper/NAME, a linear device over the whole of the block device `backing`.
 * 0, or -1 after saying what failed.
 */
int dm_linear(const char *name, const char *backing);

#endif
