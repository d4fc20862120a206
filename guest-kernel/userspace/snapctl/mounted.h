/* SPDX-License-Identifier: GPL-2.0-only */
/* Images on filesystems that are not mounted: DEVICE:PATH. */
#ifndef SNAPCTL_MOUNTED_H
#define SNAPCTL_MOUNTED_H

#include <stdbool.h>
#include <stddef.h>

/* A filesystem that is mounted because of an image. */
struct mounted {
	char folder[32];	/* empty when there is none */
	char path[4096];	/* of the image */
};

/* Is the image on the filesystem of a device? Then `device` is its path. */
bool mounted_is_needed(const char *name, char *device, size_t size);

/*
 * Mounts what `name` needs, at a folder of its own, and tells the path of the image. 0, or -1 or UNREACHABLE with the
 * reason said.
 */
int mounted_find(const char *name, struct mounted *mounted, const char **path);

/* Unmounts it, if there is something. 0, or -1 with the reason said. */
int mounted_release(struct mounted *mounted);

#endif
