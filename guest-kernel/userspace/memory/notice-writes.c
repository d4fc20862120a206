// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks the kernel again and again which pages have been written, by soft-dirty marks and by PAGEMAP_SCAN, as programs
 * do that save memory while it is used. All pages that it writes must be among them. Meanwhile a child has them moved to
 * and fro between two nodes.
 *
 *	notice-writes SECONDS
 *
 * It prints how many rounds there were, and fails if the kernel has missed a page.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGES	   4096
#define PAGE	   4096
#define SOFT_DIRTY (1ULL << 55)

/* Since Linux 6.7, younger than the headers: a write lifts the protection and asks nobody. */
#define WP_ASYNC       (1 << 15)
#define WP_UNPOPULATED (1 << 13)
#define USER_MODE_ONLY 1
struct scan {
	uint64_t size, flags, start, end, walk_end, regions, regions_count, max_pages;
	uint64_t inverted, all_of, any_of, wanted;
};
struct scan_region {
	uint64_t start, end, categories;
};
#define SCAN	       _IOWR('f', 16, struct scan)
#define SCAN_PROTECT   (1 << 0)
#define SCAN_WP_ASYNC  (1 << 1)
#define SCAN_WRITTEN   (1 << 1)

static int pagemap, clear_refs;
static uint8_t *memory;
static unsigned long rounds;

static void get_memory(void)
{
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		err(2, "memory");
	madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(memory, 1, PAGES * PAGE);
}

static void watch_by_userfaultfd(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = WP_ASYNC | WP_UNPOPULATED };
	struct uffdio_register range = {
		.range = { (uintptr_t)memory, PAGES * PAGE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		err(2, "userfaultfd");
}

static void move_memory_of(pid_t process)
{
	unsigned long nodes[] = { 1 << 0, 1 << 1 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int round = 0; getppid() == process; round++)
		if (syscall(SYS_migrate_pages, process, 3, &nodes[round % 2], &nodes[!(round % 2)]) < 0)
			err(2, "migrate_pages");
	_exit(0);
}

static void write_some(bool written[PAGES])
{
	for (unsigned int page = 0; page < PAGES; page++) {
		written[page] = rand() & 1;
		if (written[page])
			++*(volatile uint8_t *)(memory + page * PAGE);
	}
}

static void clear_soft_dirty(void)
{
	if (pwrite(clear_refs, "4", 1, 0) != 1)
		err(2, "/proc/self/clear_refs");
}

static void noticed_by_soft_dirty(bool noticed[PAGES])
{
	static uint64_t marks[PAGES];

	if (pread(pagemap, marks, sizeof(marks), (uintptr_t)memory / PAGE * sizeof(*marks)) !=
	    (ssize_t)sizeof(marks))
		err(2, "/proc/self/pagemap");
	for (unsigned int page = 0; page < PAGES; page++)
		noticed[page] = marks[page] & SOFT_DIRTY;
}

/* What has been written since this was called last. */
static void noticed_by_scan(bool noticed[PAGES])
{
	static struct scan_region regions[PAGES];
	struct scan scan = {
		.size = sizeof(scan),
		.flags = SCAN_PROTECT | SCAN_WP_ASYNC,
		.start = (uintptr_t)memory,
		.end = (uintptr_t)memory + PAGES * PAGE,
		.regions = (uintptr_t)regions,
		.regions_count = PAGES,
		.all_of = SCAN_WRITTEN,
		.wanted = SCAN_WRITTEN,
	};
	int count = ioctl(pagemap, SCAN, &scan);

	if (count < 0)
		err(2, "PAGEMAP_SCAN");
	memset(noticed, 0, PAGES * sizeof(*noticed));
	for (int i = 0; i < count; i++)
		for (uint64_t at = regions[i].start; at < regions[i].end; at += PAGE)
			noticed[(at - (uintptr_t)memory) / PAGE] = true;
}

/* The number of writes that were missed. */
static unsigned long compare(const bool written[PAGES], const bool noticed[PAGES])
{
	unsigned long missed = 0;

	for (unsigned int page = 0; page < PAGES; page++)
		missed += written[page] && !noticed[page];
	return missed;
}

int main(int argc, char **argv)
{
	static bool written[PAGES], noticed[PAGES];
	unsigned long missed_by_marks = 0, missed_by_scan = 0;
	pid_t self = getpid();
	time_t end;

	if (argc != 2)
		errx(2, "usage: notice-writes SECONDS");
	end = time(NULL) + atoi(argv[1]);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	clear_refs = open("/proc/self/clear_refs", O_WRONLY);
	if (pagemap < 0 || clear_refs < 0)
		err(2, "/proc/self");
	get_memory();
	watch_by_userfaultfd();
	if (!fork())
		move_memory_of(self);
	for (; time(NULL) < end; rounds++) {
		clear_soft_dirty();
		write_some(written);
		noticed_by_soft_dirty(noticed);
		missed_by_marks += compare(written, noticed);
		noticed_by_scan(noticed);
		write_some(written);
		noticed_by_scan(noticed);
		missed_by_scan += compare(written, noticed);
	}
	printf("%lu rounds; writes missed by soft-dirty marks: %lu, by PAGEMAP_SCAN: %lu\n", rounds,
	       missed_by_marks, missed_by_scan);
	return missed_by_marks || missed_by_scan;
}
