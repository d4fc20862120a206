// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that are in uninterruptible I/O for most of their time: O_SYNC, fsync and O_DIRECT in
 * turn, read back.
 */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 8
#define WRITERS 3

struct progress {
	/* Blocks written and known to be on the disk. */
	volatile uint32_t written[WRITERS];
	volatile uint32_t stopped[WRITERS];
};

static struct progress *progress;
static int fds[WRITERS];

static void write_on(void *argument)
{
	int writer = (intptr_t)argument;
	uint8_t *block;

	must_0(posix_memalign((void **)&block, 4096, BLOCK));
	for (uint32_t number = 0; !check_told(); number++) {
		pattern_fill(block, BLOCK, check_seed() + number);
		if (must(pwrite(fds[writer], block, BLOCK, number % BLOCKS * BLOCK)) != BLOCK)
			check_die("a short write");
		if (writer == 1)
			must(fsync(fds[writer]));
		progress->written[writer] = number + 1;
		check_pause();
	}
	progress->stopped[writer] = 1;
	sleep_ms(100000);
}

static void prepare(void)
{
	static const char *const names[WRITERS] = { "o-sync", "fsync", "o-direct" };
	static const int flags[WRITERS] = { O_SYNC, 0, O_DIRECT };

	progress = check_shared(4096);
	for (intptr_t writer = 0; writer < WRITERS; writer++) {
		fds[writer] = must(open(check_path(check_disk_dir(), names[writer]),
					O_RDWR | O_CREAT | flags[writer], 0600));
		check_fork(write_on, (void *)writer);
	}
	for (int writer = 0; writer < WRITERS; writer++)
		if (!check_grows(&progress->written[writer], BLOCKS, 60000))
			check_die("writer %d does not write", writer);
}

/* How much a writer had written when it stopped, as it does when told. */
static uint32_t settled(int writer)
{
	if (!check_grows(&progress->stopped[writer], 0, 60000))
		check_die("writer %d hangs after %u blocks", writer, progress->written[writer]);
	return progress->written[writer];
}

static void corrupt(void)
{
	uint8_t *block;

	settled(2);
	must_0(posix_memalign((void **)&block, 4096, BLOCK));
	memset(block, 0x55, BLOCK);
	must(pwrite(fds[2], block, BLOCK, 3 * BLOCK));
}

static void verify(void)
{
	uint8_t *block;

	must_0(posix_memalign((void **)&block, 4096, BLOCK));
	for (int writer = 0; writer < WRITERS; writer++) {
		uint32_t written = settled(writer);

		for (uint32_t number = written - BLOCKS; number < written; number++) {
			if (must(pread(fds[writer], block, BLOCK, number % BLOCKS * BLOCK)) !=
			    BLOCK)
				check_die("a short read");
			pattern_check("a block on the disk", block, BLOCK, check_seed() + number);
		}
	}
}

CHECK(.name = "disk-writers", .about = "synchronous writers lose no write and get no error",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
