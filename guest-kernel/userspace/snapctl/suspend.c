// SPDX-License-Identifier: GPL-2.0-only
/*
 * `suspend`: takes a snapshot, saves its image, checks what was written and switches the machine off. When that fails,
 * people are asked on all consoles what to do, or a policy decides.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"
#include "consoles.h"
#include "mounted.h"
#include "raw.h"
#include "saver.h"

#define SYNC_SECONDS_MAX 20
/* How long a policy that could not be carried out waits before it is tried again. */
#define RETRY_SECONDS_MIN 10

/* Before the snapshot: places that cannot be right. */

/* A device that something stands on belongs to the snapshot, and cannot be opened for one's own use. */
static int check_device(const char *device, const struct stat *status, const char *devices)
{
	int file;

	if (!filesystems_listed(devices, status->st_rdev)) {
		file = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (file >= 0)
			return close(file);
		if (errno != EBUSY)
			return complain(device, "cannot be opened: %s", strerror(errno));
	}
	return complain(device, "is in use: what is written there ends with the live timeline; name another device");
}

static int check_folder(const char *path, const char *devices)
{
	char copy[4096], *folder;
	struct stat status;
	struct statfs filesystem;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	if (stat(folder, &status) || statfs(folder, &filesystem))
		return complain(folder, "%s; name a file in a folder that is there, or DEVICE:PATH", strerror(errno));
	if (filesystems_listed(devices, status.st_dev) || (uint32_t)filesystem.f_type == TMPFS_MAGIC ||
	    (uint32_t)filesystem.f_type == RAMFS_MAGIC)
		return complain(path, "is in memory or on a filesystem that is mounted now: what is written there ends with the live timeline; name another device, or DEVICE:PATH on a filesystem that is not mounted");
	return 0;
}

/* 0, or -1 with the reason said. */
static int check_place(const char *name, const char *devices)
{
	char device[256];
	struct stat status;

	if (!strcmp(name, "-"))
		return complain(name, "cannot be read back; name a file, a device or DEVICE:PATH");
	if (!mounted_is_needed(name, device, sizeof(device)))
		return !stat(name, &status) && S_ISBLK(status.st_mode) ? check_device(name, &status, devices) :
			check_folder(name, devices);
	if (stat(device, &status))
		return complain(device, "%s; name the device with the filesystem for the image", strerror(errno));
	if (!S_ISBLK(status.st_mode))
		return complain(device, "is not a block device; name the one with the filesystem for the image");
	return check_device(device, &status, devices);
}

static int check_places(char **places)
{
	char devices[FILESYSTEMS_LIST_MAX] = "";

	filesystems_list(devices);
	raw_devices_list(devices);
	for (; *places; places++)
		if (check_place(*places, devices))
			return -1;
	return 0;
}

/* The end of the live timeline. Each of these returns only when it has failed. */

/* What was mounted since the snapshot is worth keeping. A device that hangs does not prevent the end. */
static void sync_for_a_while(void)
{
	pid_t child = fork();

	if (!child) {
		sync();
		_exit(0);
	}
	for (int tenths = 0; child > 0 && tenths < 10 * SYNC_SECONDS_MAX; tenths++) {
		if (waitpid(child, NULL, WNOHANG))
			return;
		usleep(100000);
	}
}

static void power_off(void)
{
	sync_for_a_while();
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	complain("suspend", "the machine cannot be switched off: %s", strerror(errno));
}

/* The live timeline goes on as the only one. False when it does not, with the reason said. */
static bool committed(const struct live *live, const struct suspend_options *options, bool images_gone)
{
	struct commit_options commit = options->commit;

	commit.images_gone = images_gone;
	if (commit_to(live->image, &commit))
		return false;
	fputs("snapctl: committed: the system goes on, and there is no image\n", stderr);
	return true;
}

/* The question. */

static void tell_failure(const struct consoles *consoles, const char *place, const struct failed *failed)
{
	char what[4096 + 256], text[sizeof(what) + SAVER_SAID_MAX + 16];

	snprintf(what, sizeof(what), "the image was not saved to %s: %s, after %llu of %llu MiB", place, failed->end,
		 (unsigned long long)failed->saved_bytes >> 20, (unsigned long long)failed->image_bytes >> 20);
	snprintf(text, sizeof(text), "\nsnapctl: %s\n%s", what, failed->said);
	consoles_say(consoles, text);
	/* What the saver has said was said there before, and a terminal is one of the consoles. */
	if (!isatty(STDERR_FILENO))
		complain("suspend", "%s", what);
}

static const char question[] =
	"snapctl: What is to be done? Press a key:\n"
	"  r  roll back: the system is as it was at the snapshot, and what was done since is lost\n"
	"  t  try again: save the image to another place\n"
	"  c  commit: the system goes on as it is, without an image\n"
	"  p  power off: the image is lost, and what was done since\n";

static const char *name_of(enum decision decision)
{
	static const char * const names[] = {
		[ASK] = "ask", [ROLL_BACK] = "roll back", [TRY_AGAIN] = "try again", [COMMIT] = "commit",
		[POWER_OFF] = "power off",
	};

	return names[decision];
}

static enum decision of_key(char key)
{
	switch (key) {
	case 'r': case 'R': return ROLL_BACK;
	case 't': case 'T': return TRY_AGAIN;
	case 'c': case 'C': return COMMIT;
	case 'p': case 'P': return POWER_OFF;
	default: return ASK;
	}
}

/* Asks until somebody has decided, or the policy does when its time is over. `place` gets the answer of TRY_AGAIN. */
static enum decision ask(const struct consoles *consoles, const struct suspend_options *options, int seconds,
			 char *place, size_t size)
{
	char text[128];
	size_t at;

	consoles_say(consoles, question);
	if (options->on_failure != ASK) {
		snprintf(text, sizeof(text), "Without a key, in %d seconds: %s\n", seconds, name_of(options->on_failure));
		consoles_say(consoles, text);
	}
	for (;;) {
		char key = consoles_key(consoles, options->on_failure == ASK ? -1 : seconds, &at);
		enum decision decision = key ? of_key(key) : options->on_failure;

		if (decision == ASK)
			continue;
		if (decision == TRY_AGAIN) {
			consoles_say(consoles, "The place (FILE, DEVICE or DEVICE:PATH): ");
			consoles_line(consoles, at, place, size);
			if (!*place) {
				consoles_say(consoles, question);
				continue;
			}
		}
		snprintf(text, sizeof(text), "snapctl: %s\n", name_of(decision));
		consoles_say(consoles, text);
		return decision;
	}
}

/* What is to be done, by a policy at once, or by people. */
static enum decision decide(const struct consoles *consoles, const struct suspend_options *options, bool again,
			    char *place, size_t size)
{
	int seconds = options->timeout_seconds;

	if (again && seconds < RETRY_SECONDS_MIN)
		seconds = RETRY_SECONDS_MIN;
	if (!consoles->count && options->on_failure == ASK) {
		complain("suspend", "there is no console to ask on; rolling back");
		return ROLL_BACK;
	}
	if (options->on_failure == ASK || seconds)
		return ask(consoles, options, seconds, place, size);
	return options->on_failure;
}

/* In the live timeline, once it was not possible to save the image. Answers when the live timeline goes on, or TRY_AGAIN. */
static enum decision end_otherwise(const struct live *live, const struct suspend_options *options,
				   const char *failed_place, const struct failed *failed, bool images_gone,
				   char *place, size_t size)
{
	struct consoles consoles;
	enum decision decision;

	consoles_open(&consoles);
	tell_failure(&consoles, failed_place, failed);
	for (bool again = false;; again = true) {
		decision = decide(&consoles, options, again, place, size);
		if (decision == TRY_AGAIN || (decision == COMMIT && committed(live, options, images_gone)))
			break;
		if (decision == ROLL_BACK)
			rollback_to(live->image);
		if (decision == POWER_OFF)
			power_off();
		consoles_say(&consoles, "snapctl: that failed; the program's messages and the kernel's log say why\n");
	}
	consoles_close(&consoles);
	return decision;
}

/* The live timeline. Returns when that goes on. */
static int live_on(const struct live *live, const struct suspend_options *options, char **places)
{
	char answer[4096];
	struct failed failed;
	/* Of all places where it was tried. */
	bool images_gone = true;

	/* Where a disk is gone or the store full, nothing more can be read of this program. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		complain("memory", "%s; this program may fail when its disk cannot be read", strerror(errno));
	for (const char *place = *places++;;) {
		bool saved = !saver_run(live, place, &options->save, &failed);

		images_gone = images_gone && failed.image_gone;
		if (saved) {
			fprintf(stderr, "snapctl: %s: the image is saved and checked; switching the machine off\n", place);
			power_off();
			snprintf(failed.end, sizeof(failed.end), "it was, but the machine cannot be switched off");
		} else if (*places) {
			complain(place, "the image was not saved here: %s; trying %s", failed.end, *places);
			place = *places++;
			continue;
		}
		if (end_otherwise(live, options, place, &failed, images_gone, answer, sizeof(answer)) == COMMIT)
			return COMMITTED;
		place = answer;
	}
}

int suspend(const struct suspend_options *options, char **places)
{
	struct live live;

	if (check_places(places))
		return FAILED;
	switch (take_snapshot(&options->call, &live)) {
	case LIVE: return live_on(&live, options, places);
	case RESTORED: return OK;
	case ROLLED_BACK: return GONE_BACK;
	default: return FAILED;
	}
}
