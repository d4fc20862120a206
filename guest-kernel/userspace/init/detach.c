// SPDX-License-Identifier: GPL-2.0-only
#include "detach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "dm.h"

/* What is used by a program that has just ended may be let go of a little later. */
#define TRIES 5
#define TRY_AGAIN_MS 50
/* bcache writes its journal when it stops, and the write to its file in /sys does not wait for that. */
#define BCACHE_STOP_MS 5000

/* One look at everything of a kind. */
struct pass {
	/* Say what is left. */
	bool last;
	int gone;
	/* What holds data of a disk, and could not be taken down. */
	int left;
};

void stays_busy(const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	rig_say("stays busy: %s", what);
}

static bool needed(const char *path)
{
	/* /proc, /sys and /dev are needed to see what is left, and hold no data. */
	return !strcmp(path, "/") || !strcmp(path, "/proc") || !strcmp(path, "/sys") ||
	       !strcmp(path, "/dev");
}

struct mounted {
	char *path, *type, *source;
};

/* All mounts but those that are needed, oldest first; answers their number. */
static size_t read_mounts(struct mounted **mounts)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	size_t count = 0;

	*mounts = NULL;
	while (table && (entry = getmntent(table))) {
		struct mounted *grown;

		if (needed(entry->mnt_dir))
			continue;
		grown = realloc(*mounts, (count + 1) * sizeof(*grown));
		if (!grown)
			break;
		*mounts = grown;
		grown[count++] = (struct mounted){ strdup(entry->mnt_dir), strdup(entry->mnt_type),
						   strdup(entry->mnt_fsname) };
	}
	if (table)
		endmntent(table);
	return count;
}

/* Latest first. */
static void unmount(struct pass *pass)
{
	struct mounted *mounts;
	size_t count = read_mounts(&mounts);

	while (count--) {
		struct mounted *one = mounts + count;

		if (!umount2(one->path, UMOUNT_NOFOLLOW)) {
			pass->gone++;
		} else {
			pass->left++;
			if (pass->last)
				stays_busy("%s (%s on %s): %s", one->path, one->type, one->source,
					   strerror(errno));
		}
		free(one->path);
		free(one->type);
		free(one->source);
	}
	free(mounts);
}

/* As /proc/swaps writes names: blanks and backslashes as three octal digits. */
static void decode_octal(char *text)
{
	char *to = text;

	for (; *text; to++) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/*
 * In a process of its own: where RAM cannot hold what is swapped out, the kernel ends who calls
 * swapoff(), and must not end init.
 */
static bool swap_off_one(const char *name)
{
	pid_t child = fork();
	int status = -1;

	if (child < 0)
		return !swapoff(name);
	if (!child)
		_exit(swapoff(name) ? 1 : 0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

/* Swap that stays on loses nothing; what it lies on is counted where it is. */
static void swap_off(struct pass *pass)
{
	char line[512], name[256];
	FILE *swaps = fopen("/proc/swaps", "re");
	bool is_heading = true;

	while (swaps && fgets(line, sizeof(line), swaps)) {
		if (!is_heading && sscanf(line, "%255s", name) == 1) {
			decode_octal(name);
			if (swap_off_one(name))
				pass->gone++;
			else if (pass->last)
				rig_say("swap on %s stays on", name);
		}
		is_heading = false;
	}
	if (swaps)
		fclose(swaps);
}

/* Is this what the root filesystem stands on, or below that? `dev` as in /sys/dev/block. */
static bool carries(const char *dev, dev_t wanted)
{
	char path[320], number[32];
	DIR *slaves;
	struct dirent *entry;
	bool found;

	snprintf(number, sizeof(number), "%u:%u", major(wanted), minor(wanted));
	found = !strcmp(dev, number);
	snprintf(path, sizeof(path), "/sys/dev/block/%s/slaves", dev);
	slaves = opendir(path);
	while (slaves && !found && (entry = readdir(slaves))) {
		char below[32];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%s/dev", entry->d_name);
		found = rig_read_file(path, below, sizeof(below)) > 0 && carries(below, wanted);
	}
	if (slaves)
		closedir(slaves);
	return found;
}

static bool under_root(dev_t wanted)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	struct stat status;
	char number[32] = "";

	while (table && (entry = getmntent(table)))
		if (!strcmp(entry->mnt_dir, "/") && !stat(entry->mnt_fsname, &status) &&
		    S_ISBLK(status.st_mode))
			snprintf(number, sizeof(number), "%u:%u", major(status.st_rdev),
				 minor(status.st_rdev));
	if (table)
		endmntent(table);
	return *number && carries(number, wanted);
}

static void count_device(struct pass *pass, bool is_gone, dev_t dev, const char *what,
			 const char *name, const char *why)
{
	if (is_gone) {
		pass->gone++;
	} else if (!under_root(dev)) {
		pass->left++;
		if (pass->last)
			stays_busy("%s %s: %s", what, name, why);
	}
}

/* Block devices and partitions whose names begin so and that have this file in /sys: /sys/class/block/NAME/FILE. */
static void each_block_device(struct pass *pass, const char *prefix, const char *file,
			      void (*use)(struct pass *pass, const char *name, const char *path))
{
	DIR *all = opendir("/sys/class/block");
	struct dirent *entry;

	while (all && (entry = readdir(all))) {
		char path[320];

		snprintf(path, sizeof(path), "/sys/class/block/%s/%s", entry->d_name, file);
		if (!strncmp(entry->d_name, prefix, strlen(prefix)) && !access(path, F_OK))
			use(pass, entry->d_name, path);
	}
	if (all)
		closedir(all);
}

static void detach_loop(struct pass *pass, const char *name, const char *backing_file)
{
	char device[280], backing[256] = "";
	struct stat status = { 0 };
	int fd;

	rig_read_file(backing_file, backing, sizeof(backing));
	snprintf(device, sizeof(device), "/dev/%s", name);
	fd = open(device, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		fstat(fd, &status);
		/* One that is in use is only told to go when it is no longer. */
		ioctl(fd, LOOP_CLR_FD, 0);
		close(fd);
	}
	count_device(pass, access(backing_file, F_OK) != 0, status.st_rdev, device, backing,
		     "in use");
}

static void stop_md(struct pass *pass, const char *name, const char *array_state)
{
	char state[32], device[280];
	struct stat status = { 0 };

	if (rig_read_file(array_state, state, sizeof(state)) <= 0 || !strcmp(state, "clear"))
		return;
	snprintf(device, sizeof(device), "/dev/%s", name);
	stat(device, &status);
	if (!rig_write_file(array_state, "clear"))
		count_device(pass, true, 0, "", "", "");
	else
		count_device(pass, false, status.st_rdev, "md array", device, strerror(errno));
}

/* Writes to a file of bcache in /sys that is named `stop`, and waits until this path in /sys has gone. */
static bool bcache_stops(const char *stop, const char *path)
{
	/* One that already stops has no such file. */
	if (rig_write_file(stop, "1") && errno != ENOENT)
		return false;
	for (int waited_ms = 0; waited_ms < BCACHE_STOP_MS; waited_ms += 10) {
		if (access(path, F_OK))
			return true;
		rig_sleep_ms(10);
	}
	errno = EBUSY;
	return false;
}

/* A device that bcache caches: its file `stop` is that of /dev/bcacheN, or its own while there is none. */
static void stop_bcache(struct pass *pass, const char *name, const char *stop)
{
	char path[320], device[280];
	struct stat status = { 0 };
	bool is_front = !strncmp(name, "bcache", strlen("bcache")), is_gone = false;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/bcache/dev", name);
	if (!is_front && !access(path, F_OK))
		return;
	snprintf(device, sizeof(device), "/dev/%s", name);
	stat(device, &status);
	/* It would be taken from under those who use it: a mount, another device, or swap. */
	fd = is_front ? open(device, O_RDONLY | O_EXCL | O_CLOEXEC) : -1;
	if (is_front && fd < 0 && errno == EBUSY) {
		count_device(pass, false, status.st_rdev, "bcache device", device, "in use");
		return;
	}
	if (fd >= 0)
		close(fd);
	/* The file `stop` goes before the device does. */
	snprintf(path, sizeof(path), "/sys/class/block/%s%s", name, is_front ? "" : "/bcache");
	is_gone = bcache_stops(stop, path);
	count_device(pass, is_gone, status.st_rdev, "bcache device", device, strerror(errno));
}

static bool has_backing_device(const char *set)
{
	DIR *all = opendir(set);
	struct dirent *entry;
	bool found = false;

	while (all && !found && (entry = readdir(all)))
		found = !strncmp(entry->d_name, "bdev", strlen("bdev"));
	if (all)
		closedir(all);
	return found;
}

/* Caches of bcache. One that still has devices which it caches is counted with these. */
static void stop_bcache_caches(struct pass *pass)
{
	DIR *all = opendir("/sys/fs/bcache");
	struct dirent *entry;

	while (all && (entry = readdir(all))) {
		char set[280], stop[300], first[300], cache[PATH_MAX];

		snprintf(set, sizeof(set), "/sys/fs/bcache/%s", entry->d_name);
		snprintf(stop, sizeof(stop), "%s/stop", set);
		if (entry->d_name[0] == '.' || access(stop, F_OK) || has_backing_device(set))
			continue;
		/* The set goes before its cache has written its journal. */
		snprintf(first, sizeof(first), "%s/cache0", set);
		if (bcache_stops(stop, realpath(first, cache) ? cache : set)) {
			pass->gone++;
		} else {
			pass->left++;
			if (pass->last)
				stays_busy("bcache cache set %s: %s", entry->d_name, strerror(errno));
		}
	}
	if (all)
		closedir(all);
}

static void remove_dm(const char *name, dev_t dev, void *data)
{
	bool is_gone = !dm_remove(name);

	count_device(data, is_gone, dev, "device-mapper device", name, strerror(errno));
}

static struct pass pass_over_all(bool last)
{
	struct pass pass = { .last = last };

	swap_off(&pass);
	unmount(&pass);
	each_block_device(&pass, "loop", "loop/backing_file", detach_loop);
	dm_each(remove_dm, &pass);
	each_block_device(&pass, "md", "md/array_state", stop_md);
	each_block_device(&pass, "", "bcache/stop", stop_bcache);
	stop_bcache_caches(&pass);
	return pass;
}

int detach_all(void)
{
	for (int tries = 0; tries < TRIES;) {
		struct pass pass = pass_over_all(false);

		if (pass.gone)
			continue;
		if (!pass.left)
			return 0;
		rig_sleep_ms(TRY_AGAIN_MS);
		tries++;
	}
	return pass_over_all(true).left;
}
