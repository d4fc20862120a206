// SPDX-License-Identifier: GPL-2.0-only
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "system.h"

#define SECTOR_BYTES 512
#define BLOCK_BYTES 4096U
/* Mappings on mappings; more are a loop that cannot be. */
#define DEPTH_MAX 8

static bool is_memory(const char *name)
{
	static const char * const drivers[] = { "ram", "loop", "zram" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (!strncmp(name, drivers[i], strlen(drivers[i])))
			return true;
	return false;
}

/* Where the first piece of a mapped device begins, when it is a linear or an encrypted one. */
static bool mapped_to(dev_t device, dev_t *beneath, uint64_t *start_sectors, uint64_t *sectors)
{
	union {
		struct dm_ioctl head;
		char bytes[4096];
	} table;
	const struct dm_target_spec *target;
	unsigned int upper, lower;
	unsigned long long start;
	const char *text;
	int control, result, parts = 0;

	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return false;
	memset(&table, 0, sizeof(table));
	table.head.version[0] = DM_VERSION_MAJOR;
	table.head.data_size = sizeof(table);
	table.head.data_start = sizeof(table.head);
	table.head.flags = DM_STATUS_TABLE_FLAG;
	/* As the kernel's huge_encode_dev() has it. */
	table.head.dev = (minor(device) & 0xff) | major(device) << 8 |
		((uint64_t)minor(device) & ~0xffULL) << 12;
	result = ioctl(control, DM_TABLE_STATUS, &table);
	close(control);
	if (result || !table.head.target_count)
		return false;
	target = (const void *)(table.bytes + table.head.data_start);
	text = (const char *)(target + 1);
	if (!strcmp(target->target_type, "linear"))
		parts = sscanf(text, "%u:%u %llu", &upper, &lower, &start);
	else if (!strcmp(target->target_type, "crypt"))
		parts = sscanf(text, "%*s %*s %*s %u:%u %llu", &upper, &lower, &start);
	if (parts != 3)
		return false;
	*beneath = makedev(upper, lower);
	*start_sectors = start;
	*sectors = target->length;
	return true;
}

static bool is_partition(const char *name)
{
	char path[SYSTEM_PATH_MAX];

	system_path(path, "/sys/class/block/%s/partition", name);
	return !access(path, F_OK);
}

static uint64_t sectors_of(const char *name, const char *what)
{
	char path[SYSTEM_PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, what);
	return system_number(path);
}

bool place_find(dev_t device, struct place *place)
{
	char path[64];
	uint64_t start = 0, sectors = 0, more, length;

	memset(place, 0, sizeof(*place));
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
		if (!system_link(path, place->device, sizeof(place->device)) ||
		    is_memory(place->device))
			return false;
		if (!depth)
			sectors = sectors_of(place->device, "size");
		place->beneath = depth || is_partition(place->device);
		if (strncmp(place->device, "dm-", 3) ||
		    !mapped_to(device, &device, &more, &length))
			break;
		start += more;
		if (sectors > length)
			sectors = length;
	}
	place->start_bytes = start * SECTOR_BYTES;
	place->size_bytes = sectors * SECTOR_BYTES;
	return true;
}

/* The disk on which a device is, if it is a partition, and where it begins there. */
static uint64_t disk_of(const char *device, char disk[32])
{
	char path[SYSTEM_PATH_MAX], target[SYSTEM_PATH_MAX], *last;
	ssize_t length;

	snprintf(disk, 32, "%s", device);
	if (!is_partition(device))
		return 0;
	/* .../block/sda/sda1 */
	system_path(path, "/sys/class/block/%s", device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return 0;
	target[length] = 0;
	last = strrchr(target, '/');
	if (!last)
		return 0;
	*last = 0;
	last = strrchr(target, '/');
	snprintf(disk, 32, "%.31s", last ? last + 1 : target);
	return sectors_of(device, "start") * SECTOR_BYTES;
}

int reading_begin(struct reading *reading, const struct place *place)
{
	char disk[32], path[SYSTEM_PATH_MAX];

	reading->start_bytes = place->start_bytes + disk_of(place->device, disk);
	reading->size_bytes = place->size_bytes;
	system_path(path, "/dev/%s", disk);
	/*
	 * Around the page cache: it may be older than the disk, and nothing of it may stay in the
	 * memory of a kernel that makes way for that of the image.
	 */
	reading->file = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (reading->file < 0 && errno == EINVAL)
		reading->file = open(path, O_RDONLY | O_CLOEXEC);
	if (reading->file < 0)
		return -1;
	if (!posix_memalign(&reading->window, BLOCK_BYTES, READING_WINDOW))
		return 0;
	close(reading->file);
	errno = ENOMEM;
	return -1;
}

void reading_end(struct reading *reading)
{
	free(reading->window);
	close(reading->file);
}

const uint8_t *reading_at(struct reading *reading, uint64_t offset, uint32_t size)
{
	uint64_t first = (reading->start_bytes + offset) & ~(uint64_t)(BLOCK_BYTES - 1);
	uint32_t skip = reading->start_bytes + offset - first;
	uint32_t wanted = (skip + size + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1);
	ssize_t n;

	if (offset > reading->size_bytes || size > reading->size_bytes - offset ||
	    wanted > READING_WINDOW)
		return NULL;
	n = pread(reading->file, reading->window, wanted, first);
	return n >= (ssize_t)(skip + size) ? (const uint8_t *)reading->window + skip : NULL;
}
