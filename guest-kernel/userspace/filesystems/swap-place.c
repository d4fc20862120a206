// SPDX-License-Identifier: GPL-2.0-only
/*
 * swap-place AREA: prints where the kernel's hibernation finds the swap area AREA, a block device or a file that is on: the
 * block device, and the page of it that holds the header of the swap area. These are what /sys/power/resume and
 * /sys/power/resume_offset take, and the words resume= and resume_offset= of the command line.
 *
 * The page is where the filesystem put the first block of the file. Whether it is the right one is looked up on the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/rig.h"

#define PAGE_BYTES 4096ull

struct place {
	dev_t device;
	unsigned long long byte;
};

static _Noreturn void fail(const char *area, const char *what)
{
	rig_say("%s: %s", area, what);
	exit(1);
}

/* /proc/swaps writes blanks and the like of a path in octal. */
static void unescape(char *path)
{
	char *to = path;

	for (; *path; to++) {
		unsigned int byte;

		if (*path == '\\' && sscanf(path, "\\%3o", &byte) == 1) {
			*to = byte;
			path += 4;
		} else {
			*to = *path++;
		}
	}
	*to = '\0';
}

static bool is_on(const struct stat *wanted)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	char line[4096 + 128], path[4096];
	bool found = false;

	while (swaps && !found && fgets(line, sizeof(line), swaps)) {
		struct stat status;

		if (sscanf(line, "%4095s", path) != 1)
			continue;
		unescape(path);
		if (stat(path, &status))
			continue;
		found = S_ISBLK(wanted->st_mode) ? S_ISBLK(status.st_mode) && status.st_rdev == wanted->st_rdev :
			status.st_dev == wanted->st_dev && status.st_ino == wanted->st_ino;
	}
	if (swaps)
		fclose(swaps);
	return found;
}

/* A filesystem that has no extents to tell answers for single blocks. */
static unsigned long long first_block_byte(const char *area, int fd)
{
	int block = 0, block_bytes;

	if (ioctl(fd, FIGETBSZ, &block_bytes) || ioctl(fd, FIBMAP, &block))
		fail(area, "its filesystem does not tell where the file lies");
	if (!block)
		fail(area, "the file begins with a hole");
	return (unsigned long long)block * block_bytes;
}

static unsigned long long first_byte(const char *area, int fd)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} first = { .map = { .fm_length = PAGE_BYTES, .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &first.map))
		return first_block_byte(area, fd);
	if (first.map.fm_mapped_extents != 1 || first.extent.fe_logical != 0)
		fail(area, "the file begins with a hole");
	if (first.extent.fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_NOT_ALIGNED))
		fail(area, "the file has no blocks of its own on the device");
	return first.extent.fe_physical;
}

/* The addresses of btrfs's extents are its own; its program translates them. */
static unsigned long long btrfs_page(const char *area)
{
	char text[64] = "";
	int ends[2], status;
	pid_t child;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC))
		fail(area, strerror(errno));
	child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		execlp("btrfs", "btrfs", "inspect-internal", "map-swapfile", "-r", "--", area, NULL);
		rig_say("btrfs: %s", strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	if (child < 0 || waitpid(child, &status, 0) < 0 || status || n <= 0)
		fail(area, "btrfs does not tell where the file lies");
	return strtoull(text, NULL, 10);
}

static struct place place_on_btrfs(const char *area, int fd)
{
	struct btrfs_ioctl_fs_info_args fs = { 0 };
	struct btrfs_ioctl_dev_info_args device = { 0 };
	struct stat status;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &fs))
		fail(area, strerror(errno));
	if (fs.num_devices != 1)
		fail(area, "its btrfs has several devices, so no single page of one says where it lies");
	for (device.devid = 1; ioctl(fd, BTRFS_IOC_DEV_INFO, &device); device.devid++)
		if (errno != ENODEV || device.devid > fs.max_id)
			fail(area, "its btrfs names no device");
	if (stat((const char *)device.path, &status))
		fail((const char *)device.path, strerror(errno));
	return (struct place){ status.st_rdev, btrfs_page(area) * PAGE_BYTES };
}

static struct place place_of(const char *area, int fd, const struct stat *status)
{
	struct statfs fs;

	if (S_ISBLK(status->st_mode))
		return (struct place){ status->st_rdev, 0 };
	if (!fstatfs(fd, &fs) && (unsigned int)fs.f_type == BTRFS_SUPER_MAGIC)
		return place_on_btrfs(area, fd);
	return (struct place){ status->st_dev, first_byte(area, fd) };
}

/* The name by which an initramfs finds the device, too: of the device mapper's, the one in /dev/mapper. */
static void name_device(const char *area, dev_t device, char *name, size_t size)
{
	char path[64], text[1024];
	char *line;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/name", major(device), minor(device));
	if (rig_read_file(path, text, sizeof(text)) >= 0) {
		snprintf(name, size, "/dev/mapper/%.128s", text);
		return;
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major(device), minor(device));
	line = rig_read_file(path, text, sizeof(text)) < 0 ? NULL : strstr(text, "DEVNAME=");
	if (!line)
		fail(area, "its filesystem lies on no block device");
	line += strlen("DEVNAME=");
	snprintf(name, size, "/dev/%.*s", (int)strcspn(line, "\n"), line);
}

/* Around the page cache, which has pages of the filesystem and not of the device. */
static bool holds_header(const char *device, unsigned long long byte)
{
	static char page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	static const char signature[] = "SWAPSPACE2";
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	bool holds = fd >= 0 && pread(fd, page, sizeof(page), byte) == sizeof(page) &&
		     !memcmp(page + PAGE_BYTES - strlen(signature), signature, strlen(signature));

	if (fd >= 0)
		close(fd);
	return holds;
}

int main(int argc, char **argv)
{
	char device[256], why[512];
	struct place place;
	struct stat status;
	const char *area;
	int fd;

	if (argc != 2) {
		fputs("usage: swap-place AREA\n", stderr);
		return 2;
	}
	area = argv[1];
	fd = open(area, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		fail(area, strerror(errno));
	if (!is_on(&status))
		fail(area, "it is not swap that is on (mkswap, swapon)");
	place = place_of(area, fd, &status);
	name_device(area, place.device, device, sizeof(device));
	if (place.byte % PAGE_BYTES || !holds_header(device, place.byte)) {
		snprintf(why, sizeof(why), "its header is not in a page of %s at byte %llu, where the kernel looks", device,
			 place.byte);
		fail(area, why);
	}
	printf("%s %llu\n", device, place.byte / PAGE_BYTES);
	return 0;
}
