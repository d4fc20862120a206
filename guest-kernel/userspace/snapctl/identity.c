// SPDX-License-Identifier: GPL-2.0-only
/* What an image must find again to be restored: the kernel, the machine, and the filesystems untouched. */
#include "container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Offsets in an ext2, ext3 or ext4 superblock (Documentation/filesystems/ext4/super.rst). */
#define EXT4_SUPER_OFFSET	1024
#define EXT4_MOUNT_TIME		0x2c
#define EXT4_MOUNT_COUNT	0x34
#define EXT4_MAGIC		0x38
#define EXT4_UUID		0x68
#define EXT4_SUPER_MAGIC	0xef53

/* Fingerprints the filesystem on a device. False when there is none of a kind that is known. */
static bool fingerprint(const char *device, struct snap_filesystem *filesystem)
{
	uint8_t super[512];
	char path[64];
	uint16_t magic, count;
	int file;
	bool found;

	snprintf(path, sizeof(path), "/dev/%s", device);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	found = pread(file, super, sizeof(super), EXT4_SUPER_OFFSET) == (ssize_t)sizeof(super);
	close(file);
	memcpy(&magic, super + EXT4_MAGIC, sizeof(magic));
	if (!found || magic != EXT4_SUPER_MAGIC)
		return false;
	memset(filesystem, 0, sizeof(*filesystem));
	snprintf(filesystem->device, sizeof(filesystem->device), "%s", device);
	memcpy(filesystem->uuid, super + EXT4_UUID, sizeof(filesystem->uuid));
	memcpy(&filesystem->mount_time, super + EXT4_MOUNT_TIME, sizeof(filesystem->mount_time));
	memcpy(&count, super + EXT4_MOUNT_COUNT, sizeof(count));
	filesystem->mount_count = count;
	return true;
}

/*
 * The name in /dev of a device, or of the one it is a mapping of: the mapping may not be set up when the image is
 * checked.
 */
static void device_name(unsigned int major, unsigned int minor, char name[32])
{
	char path[80], target[PATH_MAX];
	struct dirent *entry;
	ssize_t length;
	int slaves = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	length = readlink(path, target, sizeof(target) - 1);
	name[0] = 0;
	if (length <= 0)
		return;
	target[length] = 0;
	snprintf(name, 32, "%.31s", strrchr(target, '/') + 1);

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major, minor);
	folder = opendir(path);
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && !slaves++)
			snprintf(name, 32, "%.31s", entry->d_name);
	closedir(folder);
	if (slaves > 1)
		name[0] = 0;
}

void identity_mounted(char *names, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	size_t length = 0;
	char line[4096];

	names[0] = 0;
	while (mounts && fgets(line, sizeof(line), mounts)) {
		unsigned int major, minor;
		char name[32];

		if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 || !major)
			continue;
		device_name(major, minor, name);
		if (name[0] && length + strlen(name) + 2 <= size)
			length += sprintf(names + length, length ? " %s" : "%s", name);
	}
	if (mounts)
		fclose(mounts);
}

static bool described(const struct snap_header *header, const char *name)
{
	for (uint32_t i = 0; i < header->filesystems; i++)
		if (!strcmp(header->filesystem[i].device, name))
			return true;
	return false;
}

static void describe_filesystems(struct snap_header *header, const char *mounted)
{
	char names[4096], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", mounted);
	while ((name = strsep(&rest, " ")) && header->filesystems < SNAP_FILESYSTEMS_MAX) {
		struct snap_filesystem *next = &header->filesystem[header->filesystems];

		if (!described(header, name) && fingerprint(name, next))
			header->filesystems++;
	}
}

static uint64_t memory_kib(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024);
}

void identity_describe(struct snap_header *header, const char *mounted)
{
	struct utsname kernel;
	int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(header, 0, sizeof(*header));
	memcpy(header->magic, SNAP_MAGIC, sizeof(header->magic));
	header->version = SNAP_VERSION;
	header->chunk_bytes = SNAP_CHUNK_BYTES;
	header->created = time(NULL);
	header->memory_kib = memory_kib();
	uname(&kernel);
	snprintf(header->kernel_release, sizeof(header->kernel_release), "%s", kernel.release);
	snprintf(header->kernel_version, sizeof(header->kernel_version), "%s", kernel.version);
	snprintf(header->machine, sizeof(header->machine), "%s", kernel.machine);
	if (file >= 0) {
		if (read(file, header->boot_id, sizeof(header->boot_id) - 1) < 0)
			header->boot_id[0] = 0;
		close(file);
	}
	describe_filesystems(header, mounted);
}

int identity_check(const char *name, const struct snap_header *header)
{
	struct utsname kernel;

	uname(&kernel);
	if (strcmp(header->kernel_release, kernel.release) || strcmp(header->kernel_version, kernel.version) || strcmp(header->machine, kernel.machine))
		return complain(name, "was made by kernel %s %s (%s), this is %s %s (%s); boot that kernel", header->kernel_release, header->kernel_version,
				header->machine, kernel.release, kernel.version, kernel.machine);
	if (header->memory_kib != memory_kib())
		return complain(name, "was made with %llu KiB of memory, this machine has %llu KiB", (unsigned long long)header->memory_kib, (unsigned long long)memory_kib());
	for (uint32_t i = 0; i < header->filesystems; i++) {
		const struct snap_filesystem *then = &header->filesystem[i];
		struct snap_filesystem now;

		if (!fingerprint(then->device, &now))
			return complain(name, "needs the filesystem on /dev/%s, and there is none", then->device);
		if (memcmp(then->uuid, now.uuid, sizeof(now.uuid)))
			return complain(name, "belongs to another filesystem on /dev/%s than the one there now", then->device);
		if (then->mount_time != now.mount_time || then->mount_count != now.mount_count)
			return complain(name, "is stale: the filesystem on /dev/%s has been mounted since; remove the image", then->device);
	}
	return 0;
}
