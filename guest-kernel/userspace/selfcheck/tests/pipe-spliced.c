// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes that hold pages of others: of a file by splice, of this process by vmsplice, and a second
 * reference by tee.
 */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define BYTES 32768

static int from_file[2], from_memory[2], copy[2];
static uint8_t *memory;

static void prepare(void)
{
	static uint8_t contents[BYTES];
	struct iovec piece;
	loff_t offset = 0;
	int fd;

	pattern_fill(contents, BYTES, check_seed());
	fd = must(open(check_path(check_disk_dir(), "file"), O_RDWR | O_CREAT | O_TRUNC, 0600));
	write_all(fd, contents, BYTES);
	must(pipe(from_file));
	must(pipe(from_memory));
	must(pipe(copy));
	for (ssize_t left = BYTES; left > 0;)
		left -= must(splice(fd, &offset, from_file[1], NULL, left, 0));
	must_0(posix_memalign((void **)&memory, 4096, BYTES));
	pattern_fill(memory, BYTES, ~check_seed());
	piece = (struct iovec){ .iov_base = memory, .iov_len = BYTES };
	if (must(vmsplice(from_memory[1], &piece, 1, 0)) != BYTES)
		check_die("vmsplice took less than all");
	if (must(tee(from_memory[0], copy[1], BYTES, 0)) != BYTES)
		check_die("tee took less than all");
}

static void corrupt(void)
{
	/* The pipes refer to this page, they do not hold a copy of it. */
	memory[BYTES / 2] ^= 1;
}

static void verify(void)
{
	static uint8_t contents[BYTES];

	read_all(from_file[0], contents, BYTES);
	pattern_check("pages of a file in a pipe", contents, BYTES, check_seed());
	read_all(from_memory[0], contents, BYTES);
	pattern_check("pages of a process in a pipe", contents, BYTES, ~check_seed());
	read_all(copy[0], contents, BYTES);
	pattern_check("pages in a second pipe", contents, BYTES, ~check_seed());
}

CHECK(.name = "pipe-spliced", .about = "pipes keep pages lent to them by splice, vmsplice and tee",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
