// SPDX-License-Identifier: GPL-2.0-only
/* `load` and `resume`: give an image back to the kernel. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/suspend_ioctls.h>

#include "complain.h"
#include "filesystems.h"
#include "identity.h"
#include "mounted.h"
#include "store.h"

#define KERNEL "/dev/snapshot"
#define DEVICES_WAIT_MS 5000

/* A device that is there for an image, but holds none. */
static bool is_empty_device(int file)
{
	char magic[sizeof(SNAP_MAGIC) - 1];
	struct stat status;

	return !fstat(file, &status) && S_ISBLK(status.st_mode) &&
		pread(file, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
		memcmp(magic, SNAP_MAGIC, sizeof(magic));
}

/*
 * Finds the image: a file or device by its path, standard input, or DEVICE:PATH, a path on the
 * filesystem of a device. Answers the descriptor, or -1 or UNREACHABLE with the reason said, or -1
 * silently with errno 0 when there is none and `boot_on` takes that for an answer.
 */
static int find(const char *name, bool boot_on, bool check_only, struct mounted *mounted)
{
	const char *path;
	int file, result;

	if (!strcmp(name, "-"))
		return STDIN_FILENO;
	result = mounted_find(name, mounted, &path);
	if (result) {
		errno = EIO;
		return result;
	}
	file = open(path, (check_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file >= 0 && boot_on && is_empty_device(file)) {
		close(file);
		file = -1;
		errno = ENOENT;
	}
	if (file >= 0)
		return file;
	if (boot_on && errno == ENOENT) {
		errno = 0;
		return -1;
	}
	complain(name, "%s", strerror(errno));
	errno = EIO;
	return -1;
}

static int check(struct container *container, const struct load_options *options)
{
	int wait_ms = options->boot_on ? DEVICES_WAIT_MS : 0, result = 0;
	const char *name = container->name;

	if (container_check_sealed(container))
		return -1;
	if (container->state.progress == SNAP_USED)
		return complain(name, "has been restored before: the disks have gone on since; remove it");
	if (identity_check(name, &container->header))
		return -1;
	if (!options->ignore_store)
		result = store_check(name, &container->header, wait_ms);
	return result ? result : filesystems_check(name, &container->header, wait_ms);
}

/*
 * Loads the image and jumps into it. Comes back only if that failed; until the jump nothing has
 * changed but the note in the file.
 */
static int restore(struct container *container, struct mounted *mounted, const char *unmount)
{
	bool is_file = container->file != STDIN_FILENO;
	const char *name = container->name;
	char said[KERNEL_MESSAGES_MAX];
	struct snap_seal seal;
	int kernel, log, result = -1;

	/*
	 * The kernel takes all memory for the image at once. What is left may be on lists of processors, where this
	 * program does not get it from. So it has its memory before.
	 */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		complain("memory", "%s; the image may be refused if it is large", strerror(errno));
	log = kernel_messages_begin();
	kernel = open(KERNEL, O_WRONLY | O_CLOEXEC);
	if (kernel < 0)
		return complain(KERNEL, "cannot be opened: %s%s", strerror(errno),
				errno == EBUSY ? "; close the snapshot that is held" :
				errno == EPERM ? "; be root, and see that hibernation is available" :
				errno == ENOENT ? "; boot a kernel with CONFIG_HIBERNATION_SNAPSHOT_DEV" : "");
	if (container_read(container, kernel, KERNEL, &seal))
		goto out;
	/* It is loaded. What comes now may succeed, so it must not be done a second time, unless that can be noticed. */
	if (is_file && !(container->header.flags & SNAP_KEEP) && container_mark_used(container, container->file))
		goto out;
	if (is_file) {
		close(container->file);
		container->file = -1;
	}
	if (mounted_release(mounted))
		goto out;
	if (unmount && umount(unmount)) {
		complain(unmount, "cannot be unmounted: %s", strerror(errno));
		goto out;
	}
	sync();
	if (ioctl(kernel, SNAPSHOT_FREEZE, 0)) {
		complain(name, "cannot be restored: the kernel cannot freeze tasks: %s", strerror(errno));
		goto out;
	}
	if (ioctl(kernel, SNAPSHOT_ATOMIC_RESTORE, 0))
		complain(name, "cannot be restored: %s", strerror(errno));
	ioctl(kernel, SNAPSHOT_UNFREEZE, 0);
out:
	kernel_messages_end(log, said);
	fputs(said, stderr);
	close(kernel);
	return result;
}

int load(const char *name, const struct load_options *options)
{
	struct mounted mounted = { 0 };
	struct container container = { .file = -1 };
	struct snap_seal seal;
	int file, result = -1;

	file = find(name, options->boot_on, options->check_only, &mounted);
	if (file < 0) {
		if (!errno) {
			mounted_release(&mounted);
			return BOOT_ON;
		}
		result = file;
		goto out;
	}
	if (container_open(&container, file, name))
		goto out;
	result = check(&container, options);
	if (result)
		goto out;
	if (options->check_only)
		result = container_read(&container, -1, NULL, &seal);
	else
		result = restore(&container, &mounted, options->unmount);
out:
	if (container.file > STDIN_FILENO)
		close(container.file);
	mounted_release(&mounted);
	if (result && options->boot_on)
		complain(name, result == UNREACHABLE ? "was not resumed, and would be stale after a boot" :
			       result == UNFINISHED ? "was not resumed; do not boot before that is done" :
						       "was not resumed; booting on");
	if (result)
		return !options->boot_on ? FAILED : result == UNREACHABLE || result == UNFINISHED ? STOP_BOOT : BOOT_ON;
	return OK;
}
