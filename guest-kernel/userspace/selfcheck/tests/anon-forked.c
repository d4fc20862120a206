// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy-on-write between parent and child: what one has written since the fork, the other does not
 * see.
 */
#include "../check.h"

#include <sys/mman.h>

#define PAGE 4096
#define PAGES 256

static uint8_t *memory;
static _Atomic uint32_t *answer;
static uint32_t seed;

enum { ASK_NOTHING, ASK_VERIFY, ANSWERED };

static uint32_t child_seed(int page)
{
	return page % 2 ? seed + page : ~seed + page;
}

static void child(void *unused)
{
	(void)unused;
	for (int page = 0; page < PAGES; page += 2)
		pattern_fill(memory + page * PAGE, PAGE, child_seed(page));
	*answer = ASK_NOTHING;
	while (*answer != ASK_VERIFY)
		sleep_ms(5);
	for (int page = 0; page < PAGES; page++)
		pattern_check("the child's page", memory + page * PAGE, PAGE, child_seed(page));
	*answer = ANSWERED;
	check_wait();
	sleep_ms(100000);
}

static void prepare(void)
{
	seed = check_seed();
	answer = check_shared(PAGE);
	*answer = ANSWERED;
	memory = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	for (int page = 0; page < PAGES; page++)
		pattern_fill(memory + page * PAGE, PAGE, seed + page);
	check_fork(child, NULL);
	while (*answer != ASK_NOTHING)
		sleep_ms(2);
	/* The parent writes as well; the pattern stays, the frame changes. */
	for (int page = 1; page < PAGES; page += 4)
		pattern_fill(memory + page * PAGE, PAGE, seed + page);
}

static void corrupt(void)
{
	memory[8 * PAGE] ^= 1;
}

static void verify(void)
{
	for (int page = 0; page < PAGES; page++)
		pattern_check("the parent's page", memory + page * PAGE, PAGE, seed + page);
	*answer = ASK_VERIFY;
	for (int waited = 0; *answer != ANSWERED && waited < check_bound_ms(10000); waited += 5)
		sleep_ms(5);
	check_that(*answer == ANSWERED, "the child does not answer");
}

CHECK(.name = "anon-forked", .about = "memory shared copy-on-write stays apart", .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
