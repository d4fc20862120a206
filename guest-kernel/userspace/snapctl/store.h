/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store of the live timeline that has saved an image. Its header tells whether that timeline has been committed since:
 * from before the first write to a filesystem on, the image is of no use.
 */
#ifndef SNAPCTL_STORE_H
#define SNAPCTL_STORE_H

#include <sys/types.h>

#include "container.h"

/* What `take` tells of a store in memory, in place of the numbers of a device. */
#define STORE_IN_MEMORY "memory"

/*
 * Notes snapshot and store in a header, from the environment that `take` has made. 0, or -1 with the reason said.
 */
int store_describe(struct snap_header *header);

/*
 * Is the live timeline of the image not committed? Waits until the device has appeared. 0, or -1, UNREACHABLE or UNFINISHED
 * with the reason said.
 */
int store_check(const char *name, const struct snap_header *header, int wait_ms);

/* What store_describe() reads, for the environment of a command. `store` is 0 for memory. */
void store_export(const uint8_t snapshot[16], dev_t store);

#endif
