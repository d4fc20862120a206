// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory, each page with a pattern of its own; some pages read only, some never touched.
 */
#include "../check.h"

#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint8_t *memory;
static size_t pages;

/* Every seventh page stays untouched and must read as zeros. */
static bool is_hole(size_t page)
{
	return page % 7 == 6;
}

static void prepare(void)
{
	pages = check_anon_mib() * 256;
	memory = must(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	for (size_t page = 0; page < pages; page++)
		if (!is_hole(page))
			pattern_fill(memory + page * PAGE, PAGE, check_seed() + page);
	must(mprotect(memory, pages / 2 * PAGE, PROT_READ));
}

static void corrupt(void)
{
	must(mprotect(memory, pages * PAGE, PROT_READ | PROT_WRITE));
	memory[pages / 2 * PAGE + 1234] ^= 4;
}

static void verify(void)
{
	static const uint8_t zeros[PAGE];

	for (size_t page = 0; page < pages; page++) {
		if (is_hole(page))
			check_that(!memcmp(memory + page * PAGE, zeros, PAGE),
				   "page %zu, never written, is not zero", page);
		else
			pattern_check("anonymous page", memory + page * PAGE, PAGE,
				      check_seed() + page);
	}
}

CHECK(.name = "anon-memory", .about = "anonymous memory keeps its contents", .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
