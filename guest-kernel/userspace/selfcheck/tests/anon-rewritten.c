// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory that a thread keeps rewriting: each page bears its generation, and a whole page
 * is always of one.
 */
#include "../check.h"

#include <sys/mman.h>

#define PAGE 4096
#define PAGES 64

static uint8_t *memory;
static uint32_t generation[PAGES];
static volatile uint32_t rounds;
static volatile bool spoil;

static void *rewrite(void *unused)
{
	for (uint32_t page = 0;; page = (page + 1) % PAGES) {
		uint8_t *at = memory + page * PAGE;

		if (spoil)
			at[PAGE / 2]++;
		pattern_check("page before it is rewritten", at, PAGE,
			      generation[page] * PAGES + page);
		generation[page]++;
		pattern_fill(at, PAGE, generation[page] * PAGES + page);
		rounds++;
		if (spoil)
			return unused;
		if (page % 2 == 0)
			check_pause();
	}
}

static void prepare(void)
{
	memory = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	for (uint32_t page = 0; page < PAGES; page++)
		pattern_fill(memory + page * PAGE, PAGE, page);
	check_thread(rewrite, NULL);
}

static void corrupt(void)
{
	spoil = true;
}

static void verify(void)
{
	check_that(check_grows(&rounds, rounds, 10000) &&
			   (spoil || check_grows(&rounds, rounds + PAGES, 10000)),
		   "the rewriting thread stands still");
}

CHECK(.name = "anon-rewritten", .about = "memory under constant rewriting is never torn",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
