// SPDX-License-Identifier: GPL-2.0-only
/* A named pipe with data in it, and a reader asleep in opening another. */
#include "../check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES 5000

static int fd;
static volatile uint32_t *opened;
static const char *second;

static void opener(void *unused)
{
	char byte;
	int reading = must(open(second, O_RDONLY));

	(void)unused;
	*opened = 1;
	read_all(reading, &byte, 1);
	*opened = byte;
	sleep_ms(100000);
}

static void prepare(void)
{
	const char *dir = check_ram_dir();
	const char *first = check_path(dir, "first");
	uint8_t contents[BYTES];

	second = check_path(dir, "second");
	must(mkfifo(first, 0600));
	must(mkfifo(second, 0600));
	fd = must(open(first, O_RDWR));
	pattern_fill(contents, BYTES, check_seed());
	write_all(fd, contents, BYTES);
	opened = check_shared(4096);
	check_fork(opener, NULL);
}

static void corrupt(void)
{
	uint8_t lost;

	read_all(fd, &lost, 1);
	write_all(fd, &lost, 1);
}

static void verify(void)
{
	uint8_t contents[BYTES];
	int writing;

	read_all(fd, contents, BYTES);
	pattern_check("the fifo", contents, BYTES, check_seed());
	check_that(*opened == 0, "a fifo without a writer could be opened for reading");
	writing = must(open(second, O_WRONLY));
	write_all(writing, "*", 1);
	check_that(check_grows(opened, '*' - 1, 5000),
		   "the reader that slept in open did not get the byte");
}

CHECK(.name = "fifo", .about = "a named pipe keeps its bytes, and one who opens it waits on",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
