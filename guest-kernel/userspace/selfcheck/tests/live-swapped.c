// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that has been swapped out, some of it read in again: the live timeline reads it in, writes to it and swaps it
 * out once more, to slots that may be the same.
 */
#include "../check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../region.h"

#define BYTES (2 << 20)
#define PAGES (BYTES / PAGE)
#define SWAPPED (1ull << 62)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static struct region region;

static const char *missing(void)
{
	char text[256];

	return strchr(slurp("/proc/swaps", text, sizeof(text)), '\n') ? NULL : "there is no swap";
}

static int swapped(void)
{
	static uint64_t entries[PAGES];
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	int found = 0;

	must(pread(fd, entries, sizeof(entries), (uintptr_t)region.memory / PAGE * sizeof(*entries)));
	close(fd);
	for (int page = 0; page < PAGES; page++)
		found += !!(entries[page] & SWAPPED);
	return found;
}

static void prepare(void)
{
	volatile uint8_t *memory;

	region = region_new(BYTES);
	must(madvise(region.memory, BYTES, MADV_PAGEOUT));
	/* Some are read in again, and have a page and a slot. */
	memory = region.memory;
	for (int page = 0; page < PAGES / 4; page++)
		(void)memory[page * PAGE];
	if (!swapped())
		check_skip("nothing was swapped out");
}

static void corrupt(void)
{
	region_verify("memory", region);
	region_spoil(region);
	must(madvise(region.memory, BYTES, MADV_PAGEOUT));
}

static void verify(void)
{
	region_verify("memory that was swapped out", region);
}

CHECK(.name = "live-swapped", .about = "swapped memory outlives being written to and swapped anew",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
