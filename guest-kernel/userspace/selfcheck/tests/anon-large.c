// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much anonymous memory as is asked for, quick to fill and to pack: each page says in each of its lines which one it
 * is. That is enough to tell pages that were lost or exchanged.
 */
#include "../check.h"

#include <sys/mman.h>

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint32_t))

static uint32_t *memory;
static size_t pages;

static uint32_t word_of(size_t page)
{
	return check_seed() ^ (uint32_t)page * 2654435761u;
}

static void prepare(void)
{
	pages = check_anon_mib() * 256;
	memory = must(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	for (size_t page = 0; page < pages; page++) {
		uint32_t *words = memory + page * WORDS, word = word_of(page);

		for (size_t i = 0; i < WORDS; i++)
			words[i] = word;
	}
}

static void corrupt(void)
{
	memory[pages / 2 * WORDS + 99]++;
}

static void verify(void)
{
	for (size_t page = 0; page < pages; page++) {
		const uint32_t *words = memory + page * WORDS;

		if (words[0] != word_of(page) || memcmp(words, words + 1, PAGE - sizeof(*words)))
			check_fail("page %zu of %zu is not what it was", page, pages);
	}
}

CHECK(.name = "anon-large", .about = "each page of a large process stays where it is", .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
