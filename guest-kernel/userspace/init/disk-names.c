// SPDX-License-Identifier: GPL-2.0-only
#include "disk-names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/rig.h"

#define DISKS_MAX 26
/* A driver that has just let go of a disk may keep its name for a moment. */
#define TRIES 10
#define TRY_AGAIN_MS 50
/* An NVMe disk appears some time after its driver has taken its controller. */
#define APPEARS_MS 20000

struct disk {
	char serial[64];
	/* The kernel's name; empty while the disk is not there. */
	char name[32];
};

static struct disk disks[DISKS_MAX];
static size_t disk_count;

static void read_option(void)
{
	static bool known;
	char text[1024], *rest = text, *serial;

	if (known)
		return;
	known = true;
	if (!rig_option("rig.disks", text, sizeof(text)))
		return;
	while (disk_count < DISKS_MAX && (serial = strsep(&rest, ",")))
		snprintf(disks[disk_count++].serial, sizeof(disks->serial), "%s", serial);
}

/* The serial number of a disk, without the blanks around it. False when it has none. */
static bool read_serial(const char *name, char serial[64])
{
	/* virtio, NVMe; SCSI and ATA as a page of product data, whose head has four bytes. */
	static const struct {
		const char *file;
		int head_bytes;
	} places[] = { { "serial", 0 }, { "device/serial", 0 }, { "device/vpd_pg80", 4 } };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char path[PATH_MAX], bytes[256];
		const char *text = bytes + places[i].head_bytes;
		int length;

		snprintf(path, sizeof(path), "/sys/block/%s/%s", name, places[i].file);
		if (rig_read_file(path, bytes, sizeof(bytes)) <= places[i].head_bytes)
			continue;
		text += strspn(text, " ");
		length = strlen(text);
		while (length && text[length - 1] == ' ')
			length--;
		snprintf(serial, 64, "%.*s", length, text);
		return true;
	}
	return false;
}

/* Can the disk be read? Opening it waits until the kernel has read its partition table. */
static bool is_open_to_reading(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Notes the kernel's name of each disk that is there; true when all are. */
static bool look(void)
{
	DIR *all = opendir("/sys/block");
	struct dirent *entry;
	size_t found = 0;

	for (size_t i = 0; i < disk_count; i++)
		*disks[i].name = '\0';
	while (all && (entry = readdir(all))) {
		char serial[64];

		if (entry->d_name[0] == '.' || !read_serial(entry->d_name, serial))
			continue;
		for (size_t i = 0; i < disk_count; i++)
			if (!*disks[i].name && !strcmp(disks[i].serial, serial) &&
			    is_open_to_reading(entry->d_name)) {
				snprintf(disks[i].name, sizeof(disks->name), "%.31s", entry->d_name);
				found++;
				break;
			}
	}
	if (all)
		closedir(all);
	return found == disk_count;
}

static bool is_scsi(const char *name)
{
	return !strncmp(name, "sd", 2);
}

static bool in_order(void)
{
	for (size_t i = 0; i < disk_count; i++) {
		if (is_scsi(disks[i].name) ? strcmp(disks[i].name, (char[]){ 's', 'd', 'a' + i, 0 }) :
					     i > 0 && strverscmp(disks[i - 1].name, disks[i].name) >= 0)
			return false;
	}
	return true;
}

/* The driver of a disk, as a folder of /sys, and the name by which it knows what the disk is on. */
static bool find_driver(const char *name, char driver[PATH_MAX], char device[64])
{
	char path[PATH_MAX], link[PATH_MAX + 8], full[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/block/%s", name);
	for (int depth = 0; depth < 3; depth++) {
		if (strlen(path) + 16 > sizeof(path))
			break;
		strcat(path, "/device");
		snprintf(link, sizeof(link), "%s/driver", path);
		if (!realpath(link, driver))
			continue;
		if (!realpath(path, full))
			break;
		snprintf(device, 64, "%.63s", strrchr(full, '/') + 1);
		return true;
	}
	return false;
}

static void tell_driver(const char *driver, const char *what, const char *device)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", driver, what);
	if (rig_write_file(path, device))
		rig_say("%s of %s: %s", path, device, strerror(errno));
}

/* Waits until the disks up to this one are there again. */
static void await(size_t last)
{
	for (int left_ms = APPEARS_MS; left_ms > 0; left_ms -= TRY_AGAIN_MS) {
		look();
		if (*disks[last].name)
			return;
		rig_sleep_ms(TRY_AGAIN_MS);
	}
}

/* Has the drivers let go of all disks and take them again in their order, so that the kernel names them in that order. */
static void take_anew(void)
{
	static char driver[DISKS_MAX][PATH_MAX], device[DISKS_MAX][64];

	for (size_t i = 0; i < disk_count; i++) {
		if (!find_driver(disks[i].name, driver[i], device[i])) {
			rig_say("%s: it has no driver that could name it anew", disks[i].name);
			return;
		}
	}
	for (size_t i = 0; i < disk_count; i++)
		tell_driver(driver[i], "unbind", device[i]);
	for (size_t i = 0; i < disk_count; i++) {
		tell_driver(driver[i], "bind", device[i]);
		await(i);
	}
}

static void link_to(const char *name, const char *link)
{
	if (symlink(name, link) && errno != EEXIST)
		rig_say("%s: %s", link, strerror(errno));
}

/* /dev/sda and so on as links to a disk of another kind and to its partitions. */
static void link_disk(char letter, const char *name)
{
	char path[PATH_MAX], number[16], link[32];
	struct dirent *entry;
	DIR *all;

	snprintf(link, sizeof(link), "/dev/sd%c", letter);
	link_to(name, link);
	snprintf(path, sizeof(path), "/sys/block/%s", name);
	all = opendir(path);
	while (all && (entry = readdir(all))) {
		snprintf(path, sizeof(path), "/sys/block/%s/%s/partition", name, entry->d_name);
		if (entry->d_name[0] == '.' || rig_read_file(path, number, sizeof(number)) <= 0)
			continue;
		snprintf(link, sizeof(link), "/dev/sd%c%.8s", letter, number);
		link_to(entry->d_name, link);
	}
	if (all)
		closedir(all);
}

bool disk_names_ready(void)
{
	read_option();
	if (!disk_count)
		return true;
	if (!look())
		return false;
	for (int tries = 0; !in_order(); tries++) {
		if (tries == TRIES)
			return false;
		if (tries == 0)
			rig_say("the kernel found the disks in another order; their drivers take them anew");
		else
			rig_sleep_ms(TRY_AGAIN_MS);
		take_anew();
		if (!look())
			return false;
	}
	for (size_t i = 0; i < disk_count; i++)
		if (!is_scsi(disks[i].name))
			link_disk('a' + i, disks[i].name);
	return true;
}

void disk_names_missing(char *text, size_t size)
{
	int used = 0;

	*text = '\0';
	for (size_t i = 0; i < disk_count && used < (int)size; i++)
		if (!*disks[i].name)
			used += snprintf(text + used, size - used, "%sdisk %zu (serial number %s)", used ? ", " : "",
					 i, disks[i].serial);
	if (!used)
		snprintf(text, size, "the kernel's names of the disks cannot be put in their order");
}
