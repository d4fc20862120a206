// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a snapshot right after some pages have been touched for the first time. They are on their way to the LRU lists then, on a
 * list of the processor, and must be preserved like all others.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storm.h"

#define PAGES 12
#define PAGE  4096

static uint64_t entry_of(const char *path, uint64_t number)
{
	int file = must(open(path, O_RDONLY | O_CLOEXEC));
	uint64_t entry = 0;

	if (pread(file, &entry, sizeof(entry), number * sizeof(entry)) != sizeof(entry))
		die("%s: %s", path, strerror(errno));
	close(file);
	return entry;
}

/* Bits 0 to 54 of an entry are the page frame number. */
static uint64_t pfn_of(const uint8_t *page)
{
	return entry_of("/proc/self/pagemap", (uintptr_t)page / PAGE) & ((1ULL << 55) - 1);
}

/* Pages that are preserved are on no LRU list as long as there is the image. */
static bool is_preserved(const uint8_t *page)
{
	return !(entry_of("/proc/kpageflags", pfn_of(page)) >> KPF_LRU & 1);
}

int storm_recent(void)
{
	uint8_t *pages = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int image, result;

	must(madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE));
	for (unsigned int i = 0; i < PAGES; i++)
		pages[i * PAGE] = i + 1;
	result = must(snapshot(0, &image));
	for (unsigned int i = 0; i < PAGES; i++)
		if (pages[i * PAGE] != i + 1)
			fail("page %u is not what it was", i);
	if (result)
		return has_failed();
	/* This takes all pages from the lists of the processors to those that they are to be on. */
	write_file("/proc/sys/vm/compact_memory", "1");
	for (unsigned int i = 0; i < PAGES; i++)
		if (!is_preserved(pages + i * PAGE))
			fail("page %u, touched right before the snapshot, is not preserved", i);
	if (!has_failed())
		must(ioctl(image, SNAPSHOT_ROLLBACK));
	report_print();
	return 1;
}
