// SPDX-License-Identifier: GPL-2.0-only
/*
 * md-mirror NAME DEVICE DEVICE: makes a RAID-1 array of two devices with superblocks on both, and starts it as /dev/NAME.
 * The devices are taken to be equal already, as they are when both are empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <linux/raid/md_p.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NEW_ARRAY "/sys/module/md_mod/parameters/new_array"
#define DISKS 2

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "md-mirror: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void make_node(const char *name)
{
	int fd = open(NEW_ARRAY, O_WRONLY);

	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		fail(NEW_ARRAY);
	close(fd);
}

static void add(int array, int number, const char *path)
{
	mdu_disk_info_t disk = {
		.number = number,
		.raid_disk = number,
		.state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC,
	};
	struct stat status;

	if (stat(path, &status))
		fail(path);
	disk.major = major(status.st_rdev);
	disk.minor = minor(status.st_rdev);
	if (ioctl(array, ADD_NEW_DISK, &disk))
		fail(path);
}

int main(int argc, char **argv)
{
	mdu_array_info_t info = {
		.major_version = 0,
		.minor_version = 90,
		.level = 1,
		.raid_disks = DISKS,
		.nr_disks = DISKS,
		.active_disks = DISKS,
		.working_disks = DISKS,
		.state = 1 << MD_SB_CLEAN,
	};
	char node[64];
	int array;

	if (argc != 2 + DISKS) {
		fputs("usage: md-mirror NAME DEVICE DEVICE\n", stderr);
		return 2;
	}
	make_node(argv[1]);
	snprintf(node, sizeof(node), "/dev/%s", argv[1]);
	array = open(node, O_RDWR);
	if (array < 0)
		fail(node);
	sscanf(argv[1], "md%d", &info.md_minor);
	if (ioctl(array, SET_ARRAY_INFO, &info))
		fail("SET_ARRAY_INFO");
	for (int i = 0; i < DISKS; i++)
		add(array, i, argv[2 + i]);
	if (ioctl(array, RUN_ARRAY, NULL))
		fail("RUN_ARRAY");
	return 0;
}
