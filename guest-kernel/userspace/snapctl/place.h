/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the content of a block device is: which piece of which partition or disk.
 *
 * In the live timeline a device that carries a filesystem shows what the live timeline has written.
 * What belongs to the image, the content at the snapshot, is seen on the device beneath: the disk
 * of a partition, or what a linear or crypt mapping maps (where what is seen is encrypted). When
 * an image is checked, mappings do not exist yet, and the device beneath is what there is, too.
 */
#ifndef SNAPCTL_PLACE_H
#define SNAPCTL_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct place {
	char device[32];	/* name in /dev */
	uint64_t start_bytes;
	uint64_t size_bytes;
	/* Is the device, or its disk, another than the one that was asked for? */
	bool beneath;
};

/* Where a device is. False for what does not outlive the system: RAM disks, loop devices. */
bool place_find(dev_t device, struct place *place);

/* Is this the name of a RAM disk or loop device, which does not outlive the system? */
bool place_is_memory(const char *device);

/* What the kernel says of a block device in a file of its folder, such as "size" (in sectors). 0 when it does not. */
uint64_t place_number(const char *name, const char *what);

/* The disk of a partition. False, with the device itself, for what is no partition. */
bool place_disk(const char *device, char disk[32]);

/*
 * A digest of where a disk is connected, and of the partition's number: what a restored kernel goes by, and what stays
 * when another kernel names the disks otherwise. 0 when that is not known.
 */
uint32_t place_connection(const char *device);

#define PLACE_PATH_MAX 512

/*
 * The path of a disk in sysfs, without the numbers that are given in the order in which things are found: each part after
 * a slash. Equal to what the kernel writes on a store after "PATH=". False when the disk is no hardware, or the path is
 * too long.
 */
bool place_path(const char *disk, char path[PLACE_PATH_MAX]);

/*
 * Puts the present name of the device with this connection in place of its name then. False when there is none. A
 * connection that is not known leaves the name as it is.
 */
bool place_find_connected(uint32_t connection, char device[32]);

/* A place that is being read, around the page cache where that is possible. */
struct reading {
	int file;
	uint64_t start_bytes, size_bytes;
	void *window;		/* aligned, READING_WINDOW bytes */
};

#define READING_WINDOW (64U << 10)

/* Opens the disk under a place. 0, or -1 and errno. */
int reading_begin(struct reading *reading, const struct place *place);
void reading_end(struct reading *reading);

/*
 * Bytes of the place, at most READING_WINDOW less a page. Valid until the next call. NULL when they
 * are beyond its end or cannot be read.
 */
const uint8_t *reading_at(struct reading *reading, uint64_t offset, uint32_t size);

#endif
