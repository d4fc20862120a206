// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages of the pool: private ones, and one of a file that two processes map; and the pool itself. */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define POOL "/proc/sys/vm/nr_hugepages"
#define PAGES 2

static size_t page_bytes;
static long pool_before;
static uint8_t *own, *shared;
static volatile uint32_t *rounds;

static long meminfo(const char *what)
{
	static char text[8192];
	const char *line = strstr(slurp("/proc/meminfo", text, sizeof(text)), what);

	return line ? atol(line + strlen(what)) : -1;
}

static const char *missing(void)
{
	if (meminfo("Hugepagesize:") < 0)
		return "no pool of huge pages in this kernel";
	return access(POOL, W_OK) ? "the pool of huge pages cannot be filled" : NULL;
}

static long pool(void)
{
	char text[32];

	return atol(slurp(POOL, text, sizeof(text)));
}

static void set_pool(long pages)
{
	int fd = must(open(POOL, O_WRONLY | O_CLOEXEC));

	dprintf(fd, "%ld\n", pages);
	close(fd);
}

/* What the other process reads all the time: the end of its page, so as to leave the machine to others. */
#define WATCHED 4096

static void watch(void *unused)
{
	(void)unused;
	for (;; check_pause()) {
		pattern_check("a huge page of a file, seen by another process,",
			      shared + page_bytes - WATCHED, WATCHED, check_seed() + 2);
		++*rounds;
	}
}

static void prepare(void)
{
	int fd;

	page_bytes = meminfo("Hugepagesize:") * 1024;
	pool_before = pool();
	set_pool(pool_before + PAGES);
	if (pool() < pool_before + PAGES) {
		set_pool(pool_before);
		check_skip("no %d huge pages are to be had", PAGES);
	}
	own = must(mmap(NULL, page_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
	fd = must(memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC));
	must(ftruncate(fd, page_bytes));
	shared = must(mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	pattern_fill(own, page_bytes, check_seed());
	pattern_fill(shared, page_bytes - WATCHED, check_seed() + 1);
	pattern_fill(shared + page_bytes - WATCHED, WATCHED, check_seed() + 2);
	rounds = check_shared(4096);
	check_fork(watch, NULL);
	check_grows(rounds, 0, 10000);
}

static void corrupt(void)
{
	own[page_bytes - 1] ^= 1;
}

static void verify(void)
{
	check_that(pool() == pool_before + PAGES, "the pool has %ld pages, not %ld", pool(),
		   pool_before + PAGES);
	pattern_check("a private huge page", own, page_bytes, check_seed());
	pattern_check("a huge page of a file", shared, page_bytes - WATCHED, check_seed() + 1);
	check_that(check_grows(rounds, *rounds + 1, 10000), "the other process does not run");
	set_pool(pool_before);
}

CHECK(.name = "hugetlb", .about = "huge pages of the pool keep their content, the pool its size",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
