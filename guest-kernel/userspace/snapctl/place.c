// SPDX-License-Identifier: GPL-2.0-only
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "checksum.h"
#include "system.h"

#define SECTOR_BYTES 512
#define BLOCK_BYTES 4096U
/* Mappings on mappings; more are a loop that cannot be. */
#define DEPTH_MAX 8

bool place_is_memory(const char *name)
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
	table.head.dev = system_device(device);
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

uint64_t place_number(const char *name, const char *what)
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
		    place_is_memory(place->device))
			return false;
		if (!depth)
			sectors = place_number(place->device, "size");
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

bool place_disk(const char *device, char disk[32])
{
	char path[SYSTEM_PATH_MAX], target[SYSTEM_PATH_MAX], *last;
	ssize_t length;

	snprintf(disk, 32, "%s", device);
	if (!is_partition(device))
		return false;
	/* .../block/sda/sda1 */
	system_path(path, "/sys/class/block/%s", device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = 0;
	last = strrchr(target, '/');
	if (!last)
		return false;
	*last = 0;
	last = strrchr(target, '/');
	snprintf(disk, 32, "%.31s", last ? last + 1 : target);
	return true;
}

/* Is all of a text such a name with a number? */
static bool is_numbered(const char *text, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(text, name, length) && text[length] &&
		strspn(text + length, "0123456789") == strlen(text + length);
}

#define PART_MAX (NAME_MAX + 32)

/*
 * A part of a disk's path in /sys without the numbers that the kernel gives in the order in which it finds things: of
 * SCSI hosts, ports of all ATA controllers together, virtio devices, NVMe controllers. False when nothing is left.
 */
static bool stable_part(const char *part, char text[PART_MAX])
{
	unsigned int host, channel, id, namespace;
	char path[NAME_MAX + 64];
	unsigned long long lun;
	int end = 0;

	if (!strncmp(part, "target", 6))
		return false;
	if (sscanf(part, "%u:%u:%u:%llu%n", &host, &channel, &id, &lun, &end) == 4 && !part[end]) {
		snprintf(text, PART_MAX, "%u:%u:%llu", channel, id, lun);
	} else if (is_numbered(part, "ata")) {
		snprintf(path, sizeof(path), "/sys/class/ata_port/%s/port_no", part);
		snprintf(text, PART_MAX, "ata port %llu", (unsigned long long)system_number(path));
	} else if (is_numbered(part, "host") || is_numbered(part, "virtio") || is_numbered(part, "nvme")) {
		snprintf(text, PART_MAX, "%.*s", (int)strcspn(part, "0123456789"), part);
	} else if (sscanf(part, "nvme%un%u%n", &host, &namespace, &end) == 2 && !part[end]) {
		snprintf(text, PART_MAX, "namespace %u", namespace);
	} else {
		snprintf(text, PART_MAX, "%s", part);
	}
	return true;
}

/* Where a disk is connected: a function is called for each part of the path. False when it is connected to nothing. */
static bool for_each_part(const char *disk, void (*fn)(void *argument, const char *part), void *argument)
{
	char path[SYSTEM_PATH_MAX], target[PATH_MAX], text[PART_MAX], *rest = target, *part;
	ssize_t length;

	system_path(path, "/sys/class/block/%s", disk);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = 0;
	/* What is no hardware is connected to nothing. */
	if (strstr(target, "/virtual/"))
		return false;
	while ((part = strsep(&rest, "/")))
		/* A disk's own name says nothing; a namespace of NVMe is part of the connection. */
		if (*part && strcmp(part, "..") && (rest || !strncmp(part, "nvme", 4)) && stable_part(part, text))
			fn(argument, text);
	return true;
}

static void add_to_digest(void *digest, const char *part)
{
	*(uint32_t *)digest = xxh32(*(uint32_t *)digest, part, strlen(part) + 1);
}

static void add_to_path(void *path, const char *part)
{
	size_t length = strlen(path);

	snprintf((char *)path + length, PLACE_PATH_MAX - length, "/%s", part);
}

bool place_path(const char *disk, char path[PLACE_PATH_MAX])
{
	*path = 0;
	return for_each_part(disk, add_to_path, path) && strlen(path) < PLACE_PATH_MAX - 1;
}

uint32_t place_connection(const char *device)
{
	uint32_t digest = 0, number = 0;
	char disk[32];

	if (place_disk(device, disk))
		number = place_number(device, "partition");
	if (!for_each_part(disk, add_to_digest, &digest))
		return 0;
	digest = xxh32(digest, &number, sizeof(number));
	return digest ? digest : 1;
}

bool place_find_connected(uint32_t connection, char device[32])
{
	char path[SYSTEM_PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *all;

	if (!connection || place_connection(device) == connection)
		return true;
	system_path(path, "/sys/class/block");
	all = opendir(path);
	while (!found && all && (entry = readdir(all))) {
		found = entry->d_name[0] != '.' && !place_is_memory(entry->d_name) &&
			place_connection(entry->d_name) == connection;
		if (found)
			snprintf(device, 32, "%.31s", entry->d_name);
	}
	if (all)
		closedir(all);
	return found;
}

int reading_begin(struct reading *reading, const struct place *place)
{
	char disk[32], path[SYSTEM_PATH_MAX];

	reading->start_bytes = place->start_bytes;
	if (place_disk(place->device, disk))
		reading->start_bytes += place_number(place->device, "start") * SECTOR_BYTES;
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
