// SPDX-License-Identifier: GPL-2.0-only
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../snapctl/dm-request.h"
#include "storm.h"

const char *place(const char *name)
{
	static char paths[4][64];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), STORM_DIR "/%s", name);
	return path;
}

const char *loop_path(unsigned int number)
{
	static char paths[4][16];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "/dev/loop%u", number);
	return path;
}

int loop_attach(unsigned int number, const char *name)
{
	int device = open(loop_path(number), O_RDWR | O_CLOEXEC);
	int file = open(place(name), O_RDWR | O_CLOEXEC);
	int result = device < 0 || file < 0 ? -1 : ioctl(device, LOOP_SET_FD, file);
	int error = errno;

	if (device >= 0)
		close(device);
	if (file >= 0)
		close(file);
	errno = error;
	return result;
}

int loop_detach(unsigned int number)
{
	int device = open(loop_path(number), O_RDONLY | O_CLOEXEC);
	int result = device < 0 ? -1 : ioctl(device, LOOP_CLR_FD, 0);
	int error = errno;

	if (device >= 0)
		close(device);
	errno = error;
	return result;
}

int mount_on(const char *device, const char *name, const char *type, unsigned long flags)
{
	return mount(device, place(name), type, flags, NULL);
}

static int dm_ask(unsigned long command, struct dm_request *request)
{
	int control = must(open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
	int result, error;

	result = dm_request(control, command, "storm", request);
	error = errno;
	close(control);
	errno = error;
	return result;
}

int dm_create(const char *backing)
{
	struct dm_request create = { 0 }, load = { 0 };
	unsigned long long bytes;
	struct stat status;
	int device, error;

	device = open(backing, O_RDONLY | O_CLOEXEC);
	if (device < 0)
		return -1;
	if (fstat(device, &status) || ioctl(device, BLKGETSIZE64, &bytes))
		die("%s: %s", backing, strerror(errno));
	close(device);
	if (dm_ask(DM_DEV_CREATE, &create))
		return -1;
	load.head.target_count = 1;
	load.target.length = bytes / 512;
	load.target.next = sizeof(load.target) + sizeof(load.parameters);
	strcpy(load.target.target_type, "linear");
	snprintf(load.parameters, sizeof(load.parameters), "%u:%u 0", major(status.st_rdev),
		 minor(status.st_rdev));
	if (dm_ask(DM_TABLE_LOAD, &load) || dm_resume()) {
		error = errno;
		dm_remove();
		errno = error;
		return -1;
	}
	unlink(DM_PATH);
	return mknod(DM_PATH, S_IFBLK | 0600, dm_device_number(create.head.dev));
}

int dm_suspend(void)
{
	struct dm_request request = { .head.flags = DM_SUSPEND_FLAG |
						 (chance_in(3) ? DM_SKIP_LOCKFS_FLAG : 0) };

	return dm_ask(DM_DEV_SUSPEND, &request);
}

int dm_resume(void)
{
	struct dm_request request = { 0 };

	return dm_ask(DM_DEV_SUSPEND, &request);
}

int dm_remove(void)
{
	struct dm_request request = { 0 };

	return dm_ask(DM_DEV_REMOVE, &request);
}

int storm_prepare(void)
{
	static const struct {
		const char *name;
		unsigned int mib;
		const char *make[8];
	} files[] = {
		{ "ext4", 12, { "mkfs.ext4", "-qF", STORM_DIR "/ext4" } },
		{ "vfat", 8, { "mkfs.vfat", STORM_DIR "/vfat" } },
		{ "dm", 8, { "mkfs.ext4", "-qF", STORM_DIR "/dm" } },
		{ "loop-swap", 4, { "mkswap", STORM_DIR "/loop-swap" } },
		{ "file-swap", 4, { "mkswap", STORM_DIR "/file-swap" } },
		{ "free", 4, { "mkfs.vfat", STORM_DIR "/free" } },
	};
	static const char *const folders[] = {
		STORM_DIR,	    STORM_DIR "/on-ext4", STORM_DIR "/on-vfat",
		STORM_DIR "/on-dm", STORM_DIR "/on-free", STORM_DIR "/files"
	};
	static char zeros[1 << 20];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdir(folders[i], 0755) && errno != EEXIST)
			die("%s: %s", folders[i], strerror(errno));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int file = must(
			open(place(files[i].name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

		/* Swap files have no holes. */
		for (unsigned int mib = 0; mib < files[i].mib; mib++)
			must(write(file, zeros, sizeof(zeros)));
		close(file);
		if (run_quietly(files[i].make))
			die("%s failed", files[i].make[0]);
	}
	must(loop_attach(LOOP_EXT4, "ext4"));
	must(loop_attach(LOOP_VFAT, "vfat"));
	must(loop_attach(LOOP_DM, "dm"));
	must(loop_attach(LOOP_SWAP, "loop-swap"));
	must(mount_on(loop_path(LOOP_EXT4), "on-ext4", "ext4", 0));
	must(mount_on(loop_path(LOOP_VFAT), "on-vfat", "vfat", 0));
	sync();
	return 0;
}

static void unmount_all(const char *name)
{
	for (int i = 0; i < 8; i++) {
		if (!umount(place(name)))
			continue;
		if (errno != EINVAL)
			fail("%s cannot be unmounted: %s", name, strerror(errno));
		return;
	}
	fail("%s is still mounted", name);
}

static void check(const char *const *checker)
{
	int status = run_quietly(checker);
	char command[100];

	if (!status)
		return;
	fail("%s %s ends with %d: the filesystem is not whole", checker[0], checker[2], status);
	snprintf(command, sizeof(command), "%s %s %s 1>&2", checker[0], checker[1], checker[2]);
	if (system(command))
		return;
}

void devices_check(void)
{
	static const char *const checks[][4] = { { "e2fsck", "-fn", "/dev/loop0" },
						 { "fsck.vfat", "-n", "/dev/loop1" },
						 { "e2fsck", "-fn", "/dev/loop2" } };

	report_name("end");
	unmount_all("on-ext4");
	unmount_all("on-vfat");
	unmount_all("on-dm");
	unmount_all("on-free");
	/* Who has a substitute stays. */
	if (dm_remove() && errno != ENXIO && errno != EBUSY)
		fail("the mapped device cannot be removed: %s", strerror(errno));
	swapoff(loop_path(LOOP_SWAP));
	swapoff(place("file-swap"));
	if (loop_detach(LOOP_FREE) && errno != ENXIO)
		fail("the loop device cannot be detached: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		check(checks[i]);
}
