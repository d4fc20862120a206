// SPDX-License-Identifier: GPL-2.0-only
/* `save`: writes the image of a snapshot to a file, a device or a pipe. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../snapshot.h"
#include "complain.h"
#include "filesystems.h"
#include "identity.h"
#include "oom.h"
#include "store.h"

/* Where an image goes. */
struct target {
	const char *name;
	int file;
	bool regular;
};

/* For the handler of signals. */
static struct target interruptible;

static void discard(const struct target *target);

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/*
 * All is done here: a program that only took note of the signal could come to wait for its input
 * before it looks. The signal itself ends it when this returns.
 */
static void interrupt(int number)
{
	say("snapctl: saving was ended by a signal\n");
	discard(&interruptible);
	raise(number);
}

/* Lets saving end in good order when it is told to stop, and when nobody reads what it writes. */
static void handle_signals(const struct target *target)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESETHAND };

	interruptible = *target;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/*
 * The system could not get its image back if the process that saves it fell to the OOM killer, or
 * if its own memory could not be had back from swap, as when the store is full. What it comes to
 * use is small, and stays in memory from then on.
 */
static void protect(void)
{
	mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	oom_set_score(OOM_NEVER);
}

/* The descriptor of the snapshot and the size of its image. 0, or -1 with the reason said. */
static int find_image(int *image, uint64_t *image_bytes)
{
	const char *number = getenv(ENV_FD);
	struct snapshot_info info;

	if (!number)
		return complain("save", ENV_FD " is not set; let snapctl take run this command");
	*image = atoi(number);
	if (ioctl(*image, SNAPSHOT_GET_INFO, &info))
		return complain("save", "descriptor %d is not that of a snapshot (%s); leave it open to this command", *image, strerror(errno));
	/* An attempt to save it elsewhere has failed. */
	if (info.read_bytes && ioctl(*image, SNAPSHOT_REWIND))
		return complain("save", "%llu bytes of the image have been read by something else, and the kernel does not begin anew (%s); take a new snapshot",
				(unsigned long long)info.read_bytes, strerror(errno));
	*image_bytes = info.image_bytes;
	return 0;
}

/* Is it a place that belongs to the live timeline alone? 0, or -1 with the reason said. */
static int check_target(const struct target *target, const char *devices)
{
	struct stat status;
	struct statfs filesystem;

	if (fstat(target->file, &status) || (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)))
		return 0;
	if (S_ISBLK(status.st_mode) && filesystems_listed(devices, status.st_rdev))
		return complain(target->name, "was in use at the snapshot: what is written there ends with the live timeline; save to another device");
	if (S_ISREG(status.st_mode) && filesystems_listed(devices, status.st_dev))
		return complain(target->name, "is on a filesystem that was mounted at the snapshot: what is written there ends with the live timeline; mount another one now and save there");
	if (S_ISREG(status.st_mode) && !fstatfs(target->file, &filesystem) &&
	    ((uint32_t)filesystem.f_type == TMPFS_MAGIC ||
	     (uint32_t)filesystem.f_type == RAMFS_MAGIC))
		complain(target->name, "note: is in memory, and ends with the live timeline unless it is copied elsewhere");
	return 0;
}

/* 0, or -1 with the reason said. A regular file is made or emptied only when it may be written. */
static int open_target(const char *name, const char *devices, struct target *target)
{
	struct stat status;
	bool existed = !stat(name, &status);

	target->name = name;
	target->file = STDOUT_FILENO;
	target->regular = false;
	if (!strcmp(name, "-")) {
		target->name = "standard output";
		return 0;
	}
	target->file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (target->file < 0)
		return complain(name, "cannot be opened for writing: %s%s", strerror(errno), remedy_for_writing(errno));
	target->regular = !fstat(target->file, &status) && S_ISREG(status.st_mode);
	if (check_target(target, devices)) {
		if (!existed)
			unlink(name);
		return -1;
	}
	if (target->regular && ftruncate(target->file, 0))
		return complain(name, "cannot be emptied: %s", strerror(errno));
	return 0;
}

/* A new file is there after a power cut only if its folder has been flushed, too. */
static int flush_folder(const char *name)
{
	char path[4096];
	int folder, result;

	snprintf(path, sizeof(path), "%s", name);
	folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = folder < 0 ? -1 : fsync(folder);
	if (folder >= 0)
		close(folder);
	return result && errno != EINVAL ? complain(name, "its folder cannot be flushed: %s", strerror(errno)) : 0;
}

/* Calls nothing that a handler of signals must not call. */
static void discard(const struct target *target)
{
	if (!target->regular || ftruncate(target->file, 0) || unlink(target->name))
		return;
	say("snapctl: ");
	say(target->name);
	say(": the incomplete image was removed\n");
}

int save(const char *name, const struct save_options *options)
{
	const char *devices = getenv(ENV_DEVICES);
	struct snap_header header = { 0 };
	struct target target;
	int image = STDIN_FILENO, result;

	if (!devices) {
		complain("save", ENV_DEVICES " is not set; let snapctl take run this command");
		return FAILED;
	}
	/* On standard input is the descriptor itself, or what somebody else reads from it. */
	if (!options->from_stdin && find_image(&image, &header.image_bytes))
		return FAILED;
	if (options->from_stdin && getenv(ENV_BYTES))
		header.image_bytes = strtoull(getenv(ENV_BYTES), NULL, 10);
	header.flags = options->keep ? SNAP_KEEP : 0;
	identity_describe(&header);
	if (store_describe(&header) || filesystems_describe(&header, devices) || open_target(name, devices, &target))
		return FAILED;

	handle_signals(&target);
	protect();
	result = container_write(image, "the image", target.file, target.name, &header, &options->container);
	if (!result && target.regular)
		result = flush_folder(name);
	if (result)
		discard(&target);
	if (target.file != STDOUT_FILENO && close(target.file) && !result)
		result = complain(name, "cannot be closed: %s", strerror(errno));
	return result ? FAILED : OK;
}
