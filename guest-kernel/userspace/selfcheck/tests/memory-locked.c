// SPDX-License-Identifier: GPL-2.0-only
/* Locked memory: contents, and that it is still locked and resident. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BYTES (1 << 20)

static uint8_t *memory;

static long locked_kib(void)
{
	char status[4096];
	const char *line = strstr(slurp("/proc/self/status", status, sizeof(status)), "VmLck:");

	return line ? atol(line + 6) : -1;
}

static void prepare(void)
{
	memory =
		must(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(mlock(memory, BYTES));
	pattern_fill(memory, BYTES, check_seed());
	if (locked_kib() != BYTES / 1024)
		check_die("%ld KiB are locked, not %d", locked_kib(), BYTES / 1024);
}

static void corrupt(void)
{
	must(munlock(memory, 4096));
}

static void verify(void)
{
	static unsigned char resident[BYTES / 4096];

	must(mincore(memory, BYTES, resident));
	for (int page = 0; page < BYTES / 4096; page++)
		check_that(resident[page] & 1, "locked page %d is not resident", page);
	check_that(locked_kib() == BYTES / 1024, "%ld KiB are locked, not %d", locked_kib(),
		   BYTES / 1024);
	pattern_check("locked memory", memory, BYTES, check_seed());
}

CHECK(.name = "memory-locked", .about = "locked memory stays locked, resident and unchanged",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
