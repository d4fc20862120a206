// SPDX-License-Identifier: GPL-2.0-only
/* The table of descriptors: numbers, offsets, flags, owners, and which share an open file. */
#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define COUNT 100

static struct entry {
	int fd;
	off_t offset;
	int flags, fd_flags, owner, signal;
} entries[COUNT], twin;

static void describe(struct entry *entry, int fd)
{
	entry->fd = fd;
	entry->offset = must(lseek(fd, 0, SEEK_CUR));
	entry->flags = must(fcntl(fd, F_GETFL));
	entry->fd_flags = must(fcntl(fd, F_GETFD));
	entry->owner = fcntl(fd, F_GETOWN);
	entry->signal = must(fcntl(fd, F_GETSIG));
}

static void prepare(void)
{
	static const int flags[] = { 0, O_APPEND, O_NONBLOCK, O_DSYNC, O_APPEND | O_NOATIME };
	const char *path = check_path(check_ram_dir(), "file");

	for (int i = 0; i < COUNT; i++) {
		int fd = must(open(path, O_RDWR | O_CREAT | flags[i % 5], 0600));

		/* Gaps in the numbers. */
		fd = i % 3 ? fd : must(fcntl(fd, F_DUPFD, fd + 40));
		must(lseek(fd, i * 1001, SEEK_SET));
		if (i % 4 == 0)
			must(fcntl(fd, F_SETFD, FD_CLOEXEC));
		if (i % 5 == 0) {
			must(fcntl(fd, F_SETOWN, getpid()));
			must(fcntl(fd, F_SETSIG, SIGRTMIN + 3));
		}
		describe(&entries[i], fd);
	}
	describe(&twin, must(dup(entries[1].fd)));
}

static void corrupt(void)
{
	must(lseek(twin.fd, 1, SEEK_CUR));
}

static void verify(void)
{
	struct entry now;

	for (int i = 0; i < COUNT; i++) {
		memset(&now, 0, sizeof(now));
		describe(&now, entries[i].fd);
		check_that(now.offset == entries[i].offset,
			   "descriptor %d stands at %lld, not %lld", now.fd, (long long)now.offset,
			   (long long)entries[i].offset);
		check_that(now.flags == entries[i].flags,
			   "descriptor %d has the flags 0%o, not 0%o", now.fd, now.flags,
			   entries[i].flags);
		check_that(now.fd_flags == entries[i].fd_flags && now.owner == entries[i].owner &&
				   now.signal == entries[i].signal,
			   "descriptor %d has lost close-on-exec, owner or signal", now.fd);
	}
	must(lseek(twin.fd, 4711, SEEK_SET));
	check_that(must(lseek(entries[1].fd, 0, SEEK_CUR)) == 4711,
		   "duplicates no longer share their offset");
}

CHECK(.name = "descriptors",
      .about = "descriptors keep numbers, offsets, flags and what they share", .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
