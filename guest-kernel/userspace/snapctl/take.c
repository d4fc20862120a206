// SPDX-License-Identifier: GPL-2.0-only
/* `take`: calls snapshot(2), and runs a command in the live timeline. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../snapshot.h"
#include "busy.h"
#include "complain.h"
#include "filesystems.h"
#include "policy.h"
#include "raw.h"
#include "system.h"

/* The block device of the store in the encoding of the kernel. */
static int store_device(const char *path, unsigned int *device)
{
	struct stat status;

	*device = 0;
	if (!path)
		return 0;
	if (stat(path, &status))
		return complain(path, "%s", strerror(errno));
	if (!S_ISBLK(status.st_mode))
		return complain(path, "is not a block device; name one for the changes of the live timeline, or none to keep them in memory");
	*device = (minor(status.st_rdev) & 0xff) | major(status.st_rdev) << 8 |
		(minor(status.st_rdev) & ~0xffU) << 12;
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
	static const char score[] = "-999";
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (file < 0)
		return;
	if (write(file, score, sizeof(score) - 1) < 0)
		complain("oom_score_adj", "%s; the kernel may end what saves the image when memory runs out",
			 strerror(errno));
	close(file);
}

static void run(char **command, int image, const char *devices)
{
	struct snapshot_info info;
	char number[24];

	snprintf(number, sizeof(number), "%d", image);
	setenv(ENV_FD, number, 1);
	if (!ioctl(image, SNAPSHOT_GET_INFO, &info)) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)info.image_bytes);
		setenv(ENV_BYTES, number, 1);
	}
	setenv(ENV_DEVICES, devices, 1);
	fcntl(image, F_SETFD, 0);
	execvp(command[0], command);
	complain(command[0], "cannot be run: %s", strerror(errno));
	_exit(127);
}

/* As a shell does: what the terminal sends is for the command. */
static int await(pid_t child)
{
	int status;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Where the store is full or a disk gone, no program can be read from a disk any more. So this one is in memory as a
 * whole from the beginning.
 */
static int await_or_roll_back(pid_t child, int image)
{
	int status;

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		complain("memory", "%s; a rollback may fail when the disk of this program cannot be read", strerror(errno));
	status = await(child);
	if (status) {
		complain("take", "the command failed with status %d; rolling back", status);
		rollback_to(image);
	}
	return status;
}

/* What call() returns when a policy could not be set, and has said why. */
#define NOT_CALLED 2

/* As the call, with the policies of the options. Returns -errno when it fails. */
static long call(const struct take_options *options, unsigned int device, int *image)
{
	struct policy raw = { .name = "raw_devices", .wanted = options->raw_devices };
	struct policy remote = { .name = "remote_filesystems", .wanted = options->remote_filesystems };
	long result = NOT_CALLED;

	if (!policy_begin(&raw) && !policy_begin(&remote)) {
		result = syscall(NR_SNAPSHOT, device, image);
		if (result < 0)
			result = -errno;
	}
	policy_end(&remote);
	policy_end(&raw);
	return result;
}

/* By an image that was loaded, or by `rollback`. Kernels that cannot roll back do not tell. */
static void tell_how_it_came_back(void)
{
	char by[16];
	bool rolled_back = system_line("/sys/kernel/snapshot/came_back_by", by, sizeof(by)) && !strcmp(by, "rollback");

	fputs(rolled_back ? "snapctl: rolled back\n" : "snapctl: restored\n", stderr);
}

int take(const struct take_options *options, char **command)
{
	char devices[FILESYSTEMS_LIST_MAX];
	unsigned int device;
	int image, log;
	long result;
	pid_t child;

	if (store_device(options->store, &device))
		return FAILED;
	filesystems_list(devices);
	raw_devices_list(devices);
	log = kernel_messages_begin();
	result = call(options, device, &image);
	if (result == 1) {
		tell_how_it_came_back();
		return OK;
	}
	if (result < 0)
		refused(-result, options->store, log);
	if (result)
		return FAILED;
	if (log >= 0)
		close(log);

	be_killed_last();
	child = fork();
	if (child < 0) {
		complain("fork", "%s", strerror(errno));
		return FAILED;
	}
	if (!child)
		run(command, image, devices);
	if (options->failure_rolls_back)
		return await_or_roll_back(child, image);
	/* The command alone decides how long the image is held. */
	close(image);
	return await(child);
}
