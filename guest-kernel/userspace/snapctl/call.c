// SPDX-License-Identifier: GPL-2.0-only
#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../snapshot.h"
#include "busy.h"
#include "complain.h"
#include "oom.h"
#include "policy.h"
#include "raw.h"
#include "store.h"
#include "system.h"

/* The block device of the store. */
static int store_device(const char *path, dev_t *device)
{
	struct stat status;

	*device = 0;
	if (!path)
		return 0;
	if (stat(path, &status))
		return complain(path, "%s", strerror(errno));
	if (!S_ISBLK(status.st_mode))
		return complain(path, "is not a block device; name one for the changes of the live timeline, or none to keep them in memory");
	*device = status.st_rdev;
	return 0;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOSYS: return "; boot a kernel that has snapshot(2)";
	case EPERM: return "; be root, and see that hibernation is available (no lockdown, no nohibernate)";
	case EAGAIN: return "; a filesystem was being mounted: try again";
	case EINTR: return ": a signal came before anything was done";
	case EOPNOTSUPP: return "; a filesystem cannot be frozen: unmount it or remount it read-only, or have that done:"
		" --remote-filesystems readonly; or a device below one writes by itself:"
		" unmount what is on it; the kernel's log names it";
	case ENOMEM: return "; add swap or end programs";
	case ENOSPC: return "; give a larger store";
	case EINVAL: return "; the store cannot be on a loop device, nor on what is in use, nor have larger blocks than a device that is: name another disk or partition";
	case ENODEV: return "; the device of the store is not there";
	case ENOTBLK: return "; no block devices have the major number of the store: name a disk or a partition";
	case EACCES: return "; the store is read-only: name another, or make it writable: blockdev --setrw";
	case EMFILE: case ENFILE: return "; close files";
	default: return "";
	}
}

static void refused(int error, const char *store, int log)
{
	char said[KERNEL_MESSAGES_MAX], busy[BUSY_TEXT_MAX];

	kernel_messages_end(log, said);
	if (error == EBUSY)
		busy_remedy(store, said, busy);
	complain("snapshot", "%s%s", strerror(error), error == EBUSY ? busy : remedy(error));
	fputs(said, stderr);
}

/*
 * When memory runs out, others are killed first: the image would be lost with those who save it. What
 * they start has the same, because it is needed as well. It is not out of reach, and the largest of
 * them is killed first, so that a command that takes all memory does not stop the machine. Only root may
 * ask for that.
 */
static void be_killed_last(void)
{
	if (oom_set_score(OOM_LAST))
		complain("oom_score_adj", "%s; the kernel may end what saves the image when memory runs out",
			 strerror(errno));
}

/* What call() returns when a policy could not be set, and has said why. */
#define NOT_CALLED 2

/* As the call, with the policies of the options. Returns -errno when it fails. */
static long call(const struct call_options *options, dev_t store, int *image)
{
	struct policy raw = { .name = "raw_devices", .wanted = options->raw_devices };
	struct policy remote = { .name = "remote_filesystems", .wanted = options->remote_filesystems };
	long result = NOT_CALLED;

	if (!policy_begin(&raw) && !policy_begin(&remote)) {
		result = syscall(NR_SNAPSHOT, system_device(store), image);
		if (result < 0)
			result = -errno;
	}
	policy_end(&remote);
	policy_end(&raw);
	return result;
}

/* By an image that was loaded, or by `rollback`. Kernels that cannot roll back do not tell. */
static enum taken how_it_came_back(void)
{
	char by[16];

	if (system_line("/sys/kernel/snapshot/came_back_by", by, sizeof(by)) && !strcmp(by, "rollback")) {
		fputs("snapctl: rolled back\n", stderr);
		return ROLLED_BACK;
	}
	fputs("snapctl: restored\n", stderr);
	return RESTORED;
}

enum taken take_snapshot(const struct call_options *options, struct live *live)
{
	long result;
	int log;

	if (store_device(options->store, &live->store))
		return NOT_TAKEN;
	live->devices[0] = 0;
	filesystems_list(live->devices);
	raw_devices_list(live->devices);
	log = kernel_messages_begin();
	result = call(options, live->store, &live->image);
	if (result < 0)
		refused(-result, options->store, log);
	else if (log >= 0)
		close(log);
	if (result == 1)
		return how_it_came_back();
	if (result)
		return NOT_TAKEN;
	be_killed_last();
	return LIVE;
}

void offer_image(const struct live *live)
{
	struct snapshot_info info;
	char number[24];

	snprintf(number, sizeof(number), "%d", live->image);
	setenv(ENV_FD, number, 1);
	if (!ioctl(live->image, SNAPSHOT_GET_INFO, &info)) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)info.image_bytes);
		setenv(ENV_BYTES, number, 1);
		store_export(info.uuid, live->store);
	}
	setenv(ENV_DEVICES, live->devices, 1);
	fcntl(live->image, F_SETFD, 0);
}
