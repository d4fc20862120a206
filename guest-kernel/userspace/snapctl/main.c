// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapctl: takes snapshots of the running system, saves and restores their images.
 *
 *	snapctl take [-c DEVICE] COMMAND [ARGUMENT...]
 *	snapctl save FILE|-
 *	snapctl info FILE
 *	snapctl verify FILE|-
 *	snapctl load [-u DIR] FILE|-
 *	snapctl resume [-u DIR] FILE
 *
 * `take` runs COMMAND in the live timeline and ends with its status; in the restored timeline it ends with 0. COMMAND
 * has the descriptor of the image as SNAPSHOT_FD and the devices mounted before as SNAPSHOT_MOUNTED, which is where
 * `save` looks for them. `load` restores an image or fails; -u unmounts DIR, where the image is, before that.
 * `resume` is for an initramfs: it ends with 3 when there is no image to resume from and the system should boot.
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/suspend_ioctls.h>

#include "snapshot.h"

enum { OK = 0, FAILED = 1, USAGE = 2, BOOT_ON = 3 };

static int usage(void)
{
	fputs("usage: snapctl take [-c DEVICE] COMMAND [ARGUMENT...]\n"
	      "       snapctl save FILE|-\n"
	      "       snapctl info FILE\n"
	      "       snapctl verify FILE|-\n"
	      "       snapctl load [-u DIR] FILE|-\n"
	      "       snapctl resume [-u DIR] FILE\n",
	      stderr);
	return USAGE;
}

/* The block device of the copy-on-write store in the encoding of the kernel. */
static int store_device(const char *path, unsigned int *device)
{
	struct stat status;

	if (stat(path, &status))
		return complain(path, "%s", strerror(errno));
	if (!S_ISBLK(status.st_mode))
		return complain(path, "is not a block device");
	*device = (minor(status.st_rdev) & 0xff) | major(status.st_rdev) << 8 | (minor(status.st_rdev) & ~0xffU) << 12;
	return 0;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOSYS: return "; this kernel has no snapshot(2)";
	case EPERM: return "; root is needed, and hibernation must be available";
	case EBUSY: return "; close the last snapshot, and see that the store is not in use";
	case EOPNOTSUPP: return "; a filesystem cannot be frozen, the kernel's messages name it: unmount it or remount it read-only";
	case ENOMEM: return "; add swap or end programs";
	case ENOSPC: return "; give a larger store";
	default: return "";
	}
}

static int take(int count, char **arguments)
{
	unsigned int store = 0;
	char number[16], mounted[4096];
	int image, status;
	pid_t child;

	if (count >= 2 && !strcmp(arguments[0], "-c")) {
		if (store_device(arguments[1], &store))
			return FAILED;
		count -= 2;
		arguments += 2;
	}
	if (!count)
		return usage();

	identity_mounted(mounted, sizeof(mounted));
	switch (syscall(SNAPCTL_NR_SNAPSHOT, store, &image)) {
	case 0:
		break;
	case 1:
		fputs("snapctl: restored\n", stderr);
		return OK;
	default:
		complain("snapshot", "%s%s", strerror(errno), remedy(errno));
		return FAILED;
	}

	child = fork();
	if (child < 0) {
		complain("fork", "%s", strerror(errno));
		return FAILED;
	}
	if (!child) {
		snprintf(number, sizeof(number), "%d", image);
		setenv("SNAPSHOT_FD", number, 1);
		setenv("SNAPSHOT_MOUNTED", mounted, 1);
		fcntl(image, F_SETFD, 0);
		execvp(arguments[0], arguments);
		complain(arguments[0], "%s", strerror(errno));
		_exit(127);
	}
	close(image);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int save(const char *name)
{
	const char *number = getenv("SNAPSHOT_FD"), *mounted = getenv("SNAPSHOT_MOUNTED");
	struct snapctl_info info;
	struct snap_header header;
	int image, to, result;

	if (!number) {
		complain("save", "SNAPSHOT_FD is not set; let snapctl take run this command");
		return FAILED;
	}
	image = atoi(number);
	if (ioctl(image, SNAPCTL_GET_INFO, &info)) {
		complain("save", "descriptor %d is not that of a snapshot: %s", image, strerror(errno));
		return FAILED;
	}
	if (info.read_bytes) {
		complain("save", "the image has been read in part; take a new snapshot");
		return FAILED;
	}
	identity_describe(&header, mounted ? mounted : "");
	header.image_bytes = info.image_bytes;

	to = strcmp(name, "-") ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : STDOUT_FILENO;
	if (to < 0) {
		complain(name, "%s", strerror(errno));
		return FAILED;
	}
	result = container_write(image, to, name, &header);
	if (to != STDOUT_FILENO && close(to))
		result = complain(name, "%s", strerror(errno));
	return result ? FAILED : OK;
}

static int open_image(const char *name, int flags)
{
	int file = strcmp(name, "-") ? open(name, flags | O_CLOEXEC) : STDIN_FILENO;

	if (file < 0)
		complain(name, "%s", strerror(errno));
	return file;
}

static int info(const char *name)
{
	struct snap_header header;
	int file = open_image(name, O_RDONLY);

	if (file < 0 || container_read_header(file, name, &header))
		return FAILED;
	printf("format version: %u\nkernel: %s %s %s\nboot: %s\ncreated: %llu\nmemory: %llu KiB\nimage: %llu bytes\nsealed: %s\nused: %s\n", header.version,
	       header.kernel_release, header.kernel_version, header.machine, header.boot_id, (unsigned long long)header.created,
	       (unsigned long long)header.memory_kib, (unsigned long long)header.image_bytes, header.sealed ? "yes" : "no", header.used ? "yes" : "no");
	for (uint32_t i = 0; i < header.filesystems; i++)
		printf("filesystem: /dev/%s, mounted %u times, last at %u\n", header.filesystem[i].device, header.filesystem[i].mount_count, header.filesystem[i].mount_time);
	return OK;
}

static int verify(const char *name)
{
	struct snap_header header;
	int file = open_image(name, O_RDONLY);

	if (file < 0 || container_read_header(file, name, &header) || container_read_image(file, -1, name, &header))
		return FAILED;
	if (strcmp(name, "-") && !header.sealed) {
		complain(name, "is not sealed: saving it was interrupted");
		return FAILED;
	}
	return OK;
}

/* Comes back only if the image was not restored. */
static int restore(int file, const char *name, struct snap_header *header, const char *unmount)
{
	bool regular = file != STDIN_FILENO;
	int kernel;

	if (regular && !header->sealed)
		return complain(name, "is not sealed: saving it was interrupted");
	if (header->used)
		return complain(name, "has been restored before; what was on disk then is not there any more");
	if (identity_check(name, header))
		return -1;
	kernel = open("/dev/snapshot", O_WRONLY | O_CLOEXEC);
	if (kernel < 0)
		return complain("/dev/snapshot", "%s", strerror(errno));
	if (container_read_image(file, kernel, name, header))
		goto fail;
	/* From here on it may happen that it is restored, so it must not be a second time. */
	header->used = 1;
	if (regular && container_rewrite_header(file, name, header))
		goto fail;
	if (regular)
		close(file);
	if (unmount && umount(unmount)) {
		complain(unmount, "cannot unmount: %s", strerror(errno));
		goto fail;
	}
	sync();
	if (ioctl(kernel, SNAPSHOT_FREEZE, 0))
		complain(name, "the kernel cannot freeze tasks: %s", strerror(errno));
	else if (ioctl(kernel, SNAPSHOT_ATOMIC_RESTORE, 0))
		complain(name, "the kernel cannot restore it: %s (its messages tell more)", strerror(errno));
	ioctl(kernel, SNAPSHOT_UNFREEZE, 0);
fail:
	close(kernel);
	return -1;
}

static int load(int count, char **arguments, bool boot_on)
{
	const char *unmount = NULL;
	struct snap_header header;
	int file;

	if (count == 3 && !strcmp(arguments[0], "-u")) {
		unmount = arguments[1];
		arguments += 2;
		count -= 2;
	}
	if (count != 1)
		return usage();
	if (boot_on && access(arguments[0], F_OK))
		return BOOT_ON;
	file = open_image(arguments[0], strcmp(arguments[0], "-") ? O_RDWR : O_RDONLY);
	if (file < 0 || container_read_header(file, arguments[0], &header) || restore(file, arguments[0], &header, unmount))
		return boot_on ? BOOT_ON : FAILED;
	return OK;
}

int main(int count, char **arguments)
{
	const char *command = count > 1 ? arguments[1] : "";

	count -= 2;
	arguments += 2;
	if (!strcmp(command, "take"))
		return take(count, arguments);
	if (!strcmp(command, "load") || !strcmp(command, "resume"))
		return load(count, arguments, *command == 'r');
	if (count != 1)
		return usage();
	if (!strcmp(command, "save"))
		return save(arguments[0]);
	if (!strcmp(command, "info"))
		return info(arguments[0]);
	if (!strcmp(command, "verify"))
		return verify(arguments[0]);
	return usage();
}
