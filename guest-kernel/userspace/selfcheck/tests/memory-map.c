// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space: every mapping where it was, with its rights; a page without rights still
 * faults.
 */
#include "../check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static char before[32768], after[32768];
static volatile uint8_t *forbidden;
static sigjmp_buf fault;

static void on_fault(int number)
{
	siglongjmp(fault, number);
}

static void prepare(void)
{
	signal(SIGSEGV, on_fault);
	forbidden = must(
		mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	forbidden[PAGE] = 1;
	must(mprotect((void *)(forbidden + PAGE), PAGE, PROT_NONE));
	must(mprotect((void *)(forbidden + 2 * PAGE), PAGE, PROT_READ));
	slurp("/proc/self/maps", before, sizeof(before));
}

static void corrupt(void)
{
	must(mprotect((void *)(forbidden + PAGE), PAGE, PROT_READ));
}

static void verify(void)
{
	slurp("/proc/self/maps", after, sizeof(after));
	if (strcmp(before, after)) {
		size_t at = 0;

		while (before[at] == after[at])
			at++;
		while (at && after[at - 1] != '\n')
			at--;
		check_fail("the memory map differs, first at: %.*s", (int)strcspn(after + at, "\n"),
			   after + at);
	}
	if (!sigsetjmp(fault, 1)) {
		(void)forbidden[PAGE];
		check_fail("a page without rights can be read");
	}
	if (!sigsetjmp(fault, 1)) {
		forbidden[2 * PAGE] = 1;
		check_fail("a read-only page can be written");
	}
}

CHECK(.name = "memory-map", .about = "mappings stay where they were, with their rights",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
