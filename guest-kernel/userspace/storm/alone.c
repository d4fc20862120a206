// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those that only write to their memory, until they are killed. The one has large pages that are mapped page by page.
 * The other has a processor for itself and makes no system call: when it is stopped, that processor's TLB holds its
 * pages as ones that can be written to, and nobody else runs there to change that.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storm.h"

#define PAGES 64
#define PAGE  4096

static void leave_to_others(unsigned int processor)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	cpu_set_t others;

	if (!processes)
		die("/proc: %s", strerror(errno));
	CPU_ZERO(&others);
	for (unsigned int other = 0; other < CPU_SETSIZE; other++)
		if (other != processor)
			CPU_SET(other, &others);
	/* Kernel threads that belong to a processor stay there. */
	while ((entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name))
			sched_setaffinity(atoi(entry->d_name), sizeof(others), &others);
	closedir(processes);
}

/* Who started the program waits for this line. */
static void say_ready(void)
{
	if (puts("ready") < 0 || fflush(stdout))
		die("standard output: %s", strerror(errno));
}

int storm_parts(void)
{
	const size_t large = 2 << 20, bytes = 4 * large;
	uint8_t *memory = must(mmap(NULL, bytes + large, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	volatile uint8_t *begin = (uint8_t *)(((uintptr_t)memory + large - 1) & ~(large - 1));

	must(madvise((void *)begin, bytes, MADV_HUGEPAGE));
	for (size_t at = 0; at < bytes; at += PAGE)
		begin[at] = at / PAGE;
	/* What is true of a part needs the page table to say so of each page. */
	for (size_t at = 0; at < bytes; at += large) {
		must(mprotect((void *)(begin + at), PAGE, PROT_READ));
		must(mprotect((void *)(begin + at), PAGE, PROT_READ | PROT_WRITE));
	}
	say_ready();
	for (;;) {
		for (size_t at = 0; at < bytes; at += PAGE)
			++begin[at];
		usleep(10000);
	}
}

int storm_alone(unsigned int processor)
{
	volatile uint8_t *memory = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	cpu_set_t here;

	leave_to_others(processor);
	CPU_ZERO(&here);
	CPU_SET(processor, &here);
	must(sched_setaffinity(0, sizeof(here), &here));
	say_ready();
	for (;;)
		for (unsigned int page = 0; page < PAGES; page++)
			++memory[page * PAGE];
}
