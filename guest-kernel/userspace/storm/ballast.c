// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory that each live timeline rewrites, and that is whole again when its snapshot is. All of it says the same value, each
 * page in its own way, so a page of another timeline or of another place does not fit.
 */
#include "storm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* More than all other memory that is copied and that programs have, so that a page in the middle of that is one of these. */
#define PAGES 2048
#define PAGE_WORDS 1024

static struct {
	volatile bool locked;
	/* A rewrite that a snapshot has cut in two goes on after it. */
	uint32_t words[PAGES][PAGE_WORDS];
} * ballast;

static uint32_t word_of(uint32_t value, unsigned int page)
{
	return (value ^ page * 2654435761u) | 1;
}

static void lock(void)
{
	while (__atomic_exchange_n(&ballast->locked, true, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void unlock(void)
{
	__atomic_store_n(&ballast->locked, false, __ATOMIC_RELEASE);
}

static void fill(uint32_t value)
{
	for (unsigned int page = 0; page < PAGES; page++)
		ballast->words[page][0] = word_of(value, page);
}

void ballast_open(void)
{
	ballast = mmap(NULL, sizeof(*ballast), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if ((void *)ballast == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	fill(0);
}

void ballast_rewrite(void)
{
	uint32_t value = chance(1 << 30) << 1;

	lock();
	fill(value);
	unlock();
}

void ballast_check(void)
{
	uint32_t value;

	lock();
	value = ballast->words[0][0];
	for (unsigned int page = 1; page < PAGES; page++)
		if (ballast->words[page][0] != word_of(value, page)) {
			fail("page %u of shared memory is not what it was at the snapshot", page);
			break;
		}
	unlock();
}
