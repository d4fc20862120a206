// SPDX-License-Identifier: GPL-2.0-only
#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "../snapctl/dm-request.h"

static int make_node(const char *name, uint64_t dev)
{
	char path[DM_NAME_LEN + 16];

	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (unlink(path) && errno != ENOENT)
		return -1;
	return mknod(path, S_IFBLK | 0600, dm_device_number(dev));
}

static int set_up(int control, const char *name, const struct stat *backing, uint64_t sectors)
{
	struct dm_request create = { 0 }, load = { 0 }, resume = { 0 };

	if (dm_request(control, DM_DEV_CREATE, name, &create)) {
		rig_say("device-mapper cannot create '%s': %s", name, strerror(errno));
		return -1;
	}
	load.head.target_count = 1;
	load.target.length = sectors;
	load.target.next = sizeof(load.target) + sizeof(load.parameters);
	strcpy(load.target.target_type, "linear");
	snprintf(load.parameters, sizeof(load.parameters), "%u:%u 0", major(backing->st_rdev),
		 minor(backing->st_rdev));
	if (dm_request(control, DM_TABLE_LOAD, name, &load)) {
		rig_say("device-mapper refuses the table of '%s': %s", name, strerror(errno));
		return -1;
	}
	/* Without DM_SUSPEND_FLAG this resumes, which makes the table live. */
	if (dm_request(control, DM_DEV_SUSPEND, name, &resume) || make_node(name, create.head.dev)) {
		rig_say("cannot activate '%s': %s", name, strerror(errno));
		return -1;
	}
	return 0;
}

int dm_linear(const char *name, const char *backing)
{
	int disk = open(backing, O_RDONLY | O_CLOEXEC);
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct stat status;
	uint64_t size_bytes;
	int result = -1;

	if (disk < 0 || fstat(disk, &status) || ioctl(disk, BLKGETSIZE64, &size_bytes))
		rig_say("%s: %s", backing, strerror(errno));
	else if (control < 0)
		rig_say("/dev/mapper/control: %s", strerror(errno));
	else
		result = set_up(control, name, &status, size_bytes / 512);
	if (disk >= 0)
		close(disk);
	if (control >= 0)
		close(control);
	return result;
}

void dm_each(void (*use)(const char *name, dev_t dev, void *data), void *data)
{
	static union {
		struct dm_ioctl head;
		char bytes[32768];
	} list;
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	const struct dm_name_list *entry;

	if (control < 0)
		return;
	memset(&list.head, 0, sizeof(list.head));
	list.head.version[0] = DM_VERSION_MAJOR;
	list.head.data_size = sizeof(list);
	list.head.data_start = sizeof(list.head);
	if (ioctl(control, DM_LIST_DEVICES, &list) == 0) {
		entry = (const void *)(list.bytes + list.head.data_start);
		/* The first entry is empty where there is none. */
		while (entry->dev) {
			use(entry->name, dm_device_number(entry->dev), data);
			if (!entry->next)
				break;
			entry = (const void *)((const char *)entry + entry->next);
		}
	}
	close(control);
}

int dm_remove(const char *name)
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct dm_request request = { 0 };
	int result, error;

	if (control < 0)
		return -1;
	result = dm_request(control, DM_DEV_REMOVE, name, &request);
	error = errno;
	close(control);
	errno = error;
	return result;
}
