// SPDX-License-Identifier: MIT
/*
 * Loaded into the mkfs programs that have no options for it, so that they make the same bytes every time:
 * the clock stands at SOURCE_DATE_EPOCH, chance is seeded, and the files that go into an image belong to root,
 * are as old as the clock says, come in the order of their names, and have inode numbers that count up in that order.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t fixed_now(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	return epoch ? (time_t)strtoll(epoch, NULL, 10) : 0;
}

time_t time(time_t *at)
{
	if (at)
		*at = fixed_now();
	return fixed_now();
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	(void)zone;
	at->tv_sec = fixed_now();
	at->tv_usec = 0;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	(void)clock;
	at->tv_sec = fixed_now();
	at->tv_nsec = 0;
	return 0;
}

/* Seeds of generators are made of them. */
pid_t getpid(void)
{
	return 1000;
}

pid_t getppid(void)
{
	return 1;
}

ssize_t getrandom(void *into, size_t count, unsigned int flags)
{
	static uint64_t state = 0x2545f4914f6cdd1d;
	unsigned char *bytes = into;

	(void)flags;
	for (size_t i = 0; i < count; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = state >> 32;
	}
	return (ssize_t)count;
}

/* libuuid mixes more into its own than the above. */
void uuid_generate(unsigned char uuid[16])
{
	getrandom(uuid, 16, 0);
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* The number of a file among those seen so far. */
static ino_t number_of(dev_t device, ino_t inode)
{
	static struct {
		dev_t device;
		ino_t inode;
	} *seen;
	static size_t count, room;
	/* Filesystems keep low numbers for themselves. */
	const ino_t first = 1000;

	for (size_t i = count; i-- > 0;)
		if (seen[i].device == device && seen[i].inode == inode)
			return first + i;
	if (count == room) {
		room = room ? 2 * room : 1024;
		seen = realloc(seen, room * sizeof(*seen));
		if (!seen)
			abort();
	}
	seen[count].device = device;
	seen[count].inode = inode;
	return first + count++;
}

static int steady(int result, struct stat *status)
{
	struct timespec now = { .tv_sec = fixed_now() };

	if (result)
		return result;
	status->st_uid = 0;
	status->st_gid = 0;
	status->st_atim = now;
	status->st_mtim = now;
	status->st_ctim = now;
	if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode))
		status->st_ino = number_of(status->st_dev, status->st_ino);
	/* How the host's filesystem stores it. */
	status->st_dev = 1;
	if (S_ISDIR(status->st_mode)) {
		status->st_size = 4096;
		status->st_nlink = 1;
	}
	return 0;
}

int lstat(const char *restrict path, struct stat *restrict status)
{
	return steady(fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW), status);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int scandir(const char *restrict path, struct dirent ***restrict names, int (*wanted)(const struct dirent *),
	    int (*order)(const struct dirent **, const struct dirent **))
{
	static int (*real)(const char *, struct dirent ***, int (*)(const struct dirent *),
			   int (*)(const struct dirent **, const struct dirent **));

	(void)order;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "scandir");
	return real(path, names, wanted, by_name);
}
