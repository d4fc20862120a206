// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs-load FOLDER: writes to a filesystem in all the usual ways, until SIGTERM tells it to stop.
 *
 * Each round writes, appends, maps, syncs, renames, truncates and removes files in FOLDER, and
 * reads back what the round before has written. The number of rounds is in FOLDER's file `rounds`.
 * What fails, or reads back differently, is said in one line and ends the program with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/rig.h"

#define BLOCK_BYTES 12288
#define MAPPED_BYTES 8192
#define LOG_BYTES_MAX (256 << 10)
/* Between rounds, so that several of these leave the machine to others as well. */
#define PAUSE_MS 20

static volatile sig_atomic_t stopped;
static const char *folder;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static _Noreturn void fail(const char *what)
{
	printf("%s: %s: %s\n", folder, what, errno ? strerror(errno) : "wrong content");
	exit(1);
}

static void expect(bool well, const char *what)
{
	if (!well)
		fail(what);
}

static void fill(unsigned char *bytes, size_t count, unsigned int round)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = round * 31 + i * 7 + (i >> 8);
}

static void whole_write(int fd, const void *bytes, size_t count, off_t at, const char *what)
{
	errno = 0;
	expect(pwrite(fd, bytes, count, at) == (ssize_t)count, what);
}

static int open_file(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0644);

	expect(fd >= 0, name);
	return fd;
}

/* What the last round wrote under the name `current`. */
static void check_current(unsigned int round)
{
	static unsigned char wanted[BLOCK_BYTES], found[BLOCK_BYTES];
	int fd = open_file("current", O_RDONLY);

	fill(wanted, sizeof(wanted), round);
	errno = 0;
	expect(pread(fd, found, sizeof(found), 0) == sizeof(found), "read");
	errno = 0;
	expect(!memcmp(wanted, found, sizeof(found)), "current");
	close(fd);
}

static void write_current(unsigned int round)
{
	static unsigned char bytes[BLOCK_BYTES];
	int fd = open_file("new", O_WRONLY | O_CREAT | O_TRUNC);

	fill(bytes, sizeof(bytes), round);
	whole_write(fd, bytes, sizeof(bytes), 0, "write");
	if (round % 8 == 0)
		expect(!fsync(fd), "fsync");
	expect(!close(fd), "close");
	expect(!rename("new", "current"), "rename");
}

static void append(int log, unsigned int round)
{
	static unsigned char bytes[BLOCK_BYTES];
	struct stat status;

	expect(!fstat(log, &status), "fstat");
	if (status.st_size > LOG_BYTES_MAX) {
		expect(!ftruncate(log, 0), "ftruncate");
		status.st_size = 0;
	}
	whole_write(log, bytes, 1 + round * 577 % sizeof(bytes), status.st_size, "append");
}

static void make_and_remove(void)
{
	close(open_file("short-lived", O_WRONLY | O_CREAT));
	expect(!unlink("short-lived"), "unlink");
}

static void note_rounds(int fd, unsigned int round)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%010u\n", round);

	whole_write(fd, text, length, 0, "rounds");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	unsigned int round = 1;
	unsigned char *mapped;
	int log, rounds, map;

	if (argc != 2) {
		fputs("usage: fs-load FOLDER\n", stderr);
		return 2;
	}
	folder = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	expect(!chdir(folder), "chdir");
	log = open_file("log", O_RDWR | O_CREAT | O_TRUNC);
	rounds = open_file("rounds", O_RDWR | O_CREAT | O_TRUNC);
	map = open_file("mapped", O_RDWR | O_CREAT);
	expect(!ftruncate(map, MAPPED_BYTES), "ftruncate");
	mapped = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	expect(mapped != MAP_FAILED, "mmap");

	write_current(round);
	while (!stopped) {
		check_current(round);
		round++;
		write_current(round);
		append(log, round);
		fill(mapped, MAPPED_BYTES, round);
		if (round % 16 == 0)
			expect(!msync(mapped, MAPPED_BYTES, MS_SYNC), "msync");
		make_and_remove();
		note_rounds(rounds, round);
		rig_sleep_ms(PAUSE_MS);
	}
	return 0;
}
