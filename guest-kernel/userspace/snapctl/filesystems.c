// SPDX-License-Identifier: GPL-2.0-only
#include "filesystems.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "complain.h"
#include "fingerprint.h"
#include "place.h"
#include "system.h"

#define POLL_MS 50

bool filesystems_listed(const char *list, uint64_t device)
{
	unsigned int upper, lower;
	int length;

	for (; sscanf(list, " %u:%u%n", &upper, &lower, &length) == 2; list += length)
		if (makedev(upper, lower) == device)
			return true;
	return false;
}

void filesystems_add(char list[FILESYSTEMS_LIST_MAX], uint64_t device)
{
	size_t length = strlen(list);

	if (filesystems_listed(list, device) || length + 24 > FILESYSTEMS_LIST_MAX)
		return;
	sprintf(list + length, length ? " %u:%u" : "%u:%u", major(device), minor(device));
}

static void add_path(char *list, const char *path)
{
	struct stat status;

	if (!stat(path, &status) && S_ISBLK(status.st_mode))
		filesystems_add(list, status.st_rdev);
}

/* A btrfs may be on several devices, of which a mount shows one. */
static void add_btrfs(char *list, const char *device)
{
	DIR *all = opendir("/sys/fs/btrfs"), *devices;
	char path[SYSTEM_PATH_MAX], number[32];
	const char *name = strrchr(device, '/');
	struct dirent *filesystem, *entry;
	unsigned int upper, lower;

	add_path(list, device);
	while (all && name && (filesystem = readdir(all))) {
		snprintf(path, sizeof(path), "/sys/fs/btrfs/%.64s/devices/%.64s",
			 filesystem->d_name, name + 1);
		if (access(path, F_OK))
			continue;
		*strrchr(path, '/') = 0;
		devices = opendir(path);
		while (devices && (entry = readdir(devices))) {
			snprintf(path, sizeof(path), "/sys/class/block/%.64s/dev", entry->d_name);
			if (system_line(path, number, sizeof(number)) &&
			    sscanf(number, "%u:%u", &upper, &lower) == 2)
				filesystems_add(list, makedev(upper, lower));
		}
		if (devices)
			closedir(devices);
	}
	if (all)
		closedir(all);
}

void filesystems_list(char list[FILESYSTEMS_LIST_MAX])
{
	FILE *mounts = system_open("/proc/self/mountinfo"), *swaps = system_open("/proc/swaps");
	char line[4096], type[64], source[512];
	unsigned int upper, lower;
	const char *rest;

	list[0] = 0;
	while (mounts && fgets(line, sizeof(line), mounts)) {
		rest = strstr(line, " - ");
		if (sscanf(line, "%*d %*d %u:%u", &upper, &lower) != 2 || !rest ||
		    sscanf(rest, " - %63s %511s", type, source) != 2)
			continue;
		/* Filesystems without a number of a device: what lies on others that have one. */
		if (upper || !strcmp(type, "btrfs") || !strcmp(type, "overlay"))
			filesystems_add(list, makedev(upper, lower));
		if (!strcmp(type, "btrfs"))
			add_btrfs(list, source);
	}
	while (swaps && fgets(line, sizeof(line), swaps))
		if (sscanf(line, "%511s", source) == 1)
			add_path(list, source);
	if (mounts)
		fclose(mounts);
	if (swaps)
		fclose(swaps);
}

/* An image that is restored again relies on that alone: whether something has been written since. */
static bool can_be_kept(const struct place *place, const struct snap_filesystem *filesystem)
{
	if (place->beneath && strcmp(filesystem->kind, "other"))
		return true;
	complain(place->device, place->beneath ?
		 "holds nothing that --keep knows (ext4, xfs, btrfs, f2fs, vfat, swap): whether it is written to would not be noticed; save without --keep" :
		 "is no partition and no linear mapping, so its state at the snapshot cannot be seen, which --keep needs; save without it");
	return false;
}

static int describe(struct snap_header *header, dev_t device)
{
	struct snap_filesystem *next = &header->filesystem[header->filesystems];
	struct place place;

	if (!place_find(device, &place))
		return 0;
	for (uint32_t i = 0; i < header->filesystems; i++)
		if (!strcmp(header->filesystem[i].device, place.device) &&
		    header->filesystem[i].start_bytes == place.start_bytes)
			return 0;
	if (header->filesystems == SNAP_FILESYSTEMS_MAX)
		return complain(place.device, "there are more than %u filesystems and swap areas in use, which an image cannot name; unmount some before the snapshot",
				SNAP_FILESYSTEMS_MAX);
	if (fingerprint(&place, !place.beneath ? SNAP_PART : header->flags & SNAP_KEEP ? SNAP_WHOLE : SNAP_COMPLETE, next))
		return complain(place.device, "cannot be read: %s", strerror(errno));
	if (header->flags & SNAP_KEEP && !can_be_kept(&place, next))
		return -1;
	next->connection = place_connection(place.device);
	header->filesystems++;
	if (!place.beneath && strcmp(next->kind, "ext4"))
		complain(place.device, "note: its state at the snapshot cannot be seen (it is no partition and no linear mapping): whether it has been used since will not be noticed");
	return 0;
}

int filesystems_describe(struct snap_header *header, const char *list)
{
	unsigned int upper, lower;
	int length;

	for (; sscanf(list, " %u:%u%n", &upper, &lower, &length) == 2; list += length)
		if (upper && describe(header, makedev(upper, lower)))
			return -1;
	return 0;
}

bool device_appears(uint32_t connection, char device[32], int *wait_ms)
{
	char path[SYSTEM_PATH_MAX];

	for (;; *wait_ms -= POLL_MS) {
		if (place_find_connected(connection, device)) {
			system_path(path, "/dev/%s", device);
			if (!access(path, F_OK))
				return true;
		}
		if (*wait_ms <= 0)
			return false;
		usleep(POLL_MS * 1000);
	}
}

static int check(const char *name, const struct snap_filesystem *then, bool kept, int *wait_ms)
{
	struct place place = { .start_bytes = then->start_bytes, .size_bytes = then->size_bytes };
	const char *what = strcmp(then->kind, "swap") ? "filesystem" : "area";
	struct snap_filesystem now;

	memcpy(place.device, then->device, sizeof(place.device));
	/* What is no hardware (a mapping that could not be looked through, md, bcache) is set up by the system, which is not up. */
	if (!then->connection && !device_appears(0, place.device, &(int){ 0 })) {
		complain(name, kept ? "is kept, and needs the %s %s on /dev/%s, which cannot be looked at here; set that device up, or remove the image" :
				      "note: the %s %s on /dev/%s cannot be looked at here, and is not checked",
			 then->kind, what, then->device);
		return kept ? UNREACHABLE : 0;
	}
	if (!device_appears(then->connection, place.device, wait_ms)) {
		complain(name, "needs the %s %s on what was /dev/%s, and nothing is connected there; attach it, or remove the image",
			 then->kind, what, then->device);
		return UNREACHABLE;
	}
	if (fingerprint(&place, then->complete, &now)) {
		complain(name, "needs the %s %s on /dev/%s, which cannot be read: %s", then->kind, what,
			 place.device, strerror(errno));
		return UNREACHABLE;
	}
	if (strcmp(then->kind, now.kind) || memcmp(then->uuid, now.uuid, sizeof(now.uuid)))
		return complain(name, "belongs to another %s %s on /dev/%s than what is there now (%s); put the disks where they were, or remove the image",
				then->kind, what, place.device, now.kind);
	if (then->state == now.state)
		return 0;
	if (!strcmp(then->kind, "swap"))
		return complain(name, "is stale: the swap area on /dev/%s has been used or made anew since the snapshot; restoring would corrupt programs: remove the image",
				place.device);
	return complain(name, "is stale: the %s filesystem on /dev/%s has been used since the snapshot (mounted, checked or written to); restoring would damage it: remove the image",
			then->kind, place.device);
}

int filesystems_check(const char *name, const struct snap_header *header, int wait_ms)
{
	int result = 0;

	for (uint32_t i = 0; !result && i < header->filesystems; i++)
		result = check(name, &header->filesystem[i], header->flags & SNAP_KEEP, &wait_ms);
	return result;
}
