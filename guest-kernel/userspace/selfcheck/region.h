/* SPDX-License-Identifier: GPL-2.0-only */
/* A piece of anonymous memory with a pattern, for checks that do something to it in the live timeline. */
#ifndef REGION_H
#define REGION_H

#include <sys/mman.h>

#include "check.h"

#define PAGE 4096

struct region {
	uint8_t *memory;
	size_t bytes;
};

/* Each byte is of this check's pattern. */
static inline struct region region_new(size_t bytes)
{
	struct region region = {
		must(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
		bytes,
	};

	pattern_fill(region.memory, bytes, check_seed());
	return region;
}

/* Writes something else to each byte. */
static inline void region_spoil(struct region region)
{
	pattern_fill(region.memory, region.bytes, ~check_seed());
}

static inline void region_verify(const char *what, struct region region)
{
	pattern_check(what, region.memory, region.bytes, check_seed());
}

#endif
