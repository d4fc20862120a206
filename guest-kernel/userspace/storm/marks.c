// SPDX-License-Identifier: GPL-2.0-only
#include "marks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storm.h"

#define PAGES	    256
#define PAGE	    4096
#define SOFT_DIRTY  (1ULL << 55)
#define UFFD_WP	    (1ULL << 57)
/* Since Linux 6.7: a write lifts the protection and asks nobody. */
#define WP_ASYNC    (1 << 15)
#define WP_UNPOPULATED (1 << 13)
#define USER_MODE_ONLY 1

static uint8_t *dirty, *protected;
static int pagemap, uffd;

static void read_marks(const uint8_t *memory, uint64_t *marks)
{
	size_t bytes = PAGES * sizeof(*marks);

	if (pread(pagemap, marks, bytes, (uintptr_t)memory / PAGE * sizeof(*marks)) !=
	    (ssize_t)bytes)
		die("/proc/self/pagemap: %s", strerror(errno));
}

static void touch(uint8_t *memory, unsigned int page)
{
	++*(volatile uint8_t *)(memory + page * PAGE);
}

/* Writes to some pages, and reads the marks of all after a while. */
static void write_and_wait(uint8_t *memory, bool written[PAGES], uint64_t marks[PAGES])
{
	for (unsigned int i = 0; i < PAGES / 2; i++) {
		unsigned int page = chance(PAGES);

		touch(memory, page);
		written[page] = true;
	}
	pause_up_to(300000);
	read_marks(memory, marks);
}

static void clear_soft_dirty(void)
{
	write_file("/proc/self/clear_refs", "4");
}

/* What has been written since the marks were cleared has one, until they are cleared again. */
static void keep_dirty(void)
{
	static uint64_t marks[PAGES];
	bool written[PAGES] = { false };

	clear_soft_dirty();
	write_and_wait(dirty, written, marks);
	for (unsigned int page = 0; page < PAGES; page++)
		if (written[page] && !(marks[page] & SOFT_DIRTY)) {
			fail("page %u was written to and has lost its soft-dirty mark", page);
			return;
		}
}

static int protect(unsigned int page, unsigned int count)
{
	struct uffdio_writeprotect range = {
		.range = { (uintptr_t)protected + page * PAGE, count * PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &range);
}

/* What was protected remains so until it is written to, and no longer. */
static void keep_protected(void)
{
	static uint64_t marks[PAGES];
	bool written[PAGES] = { false };

	must(protect(0, PAGES));
	write_and_wait(protected, written, marks);
	for (unsigned int page = 0; page < PAGES; page++)
		if (!(marks[page] & UFFD_WP) != written[page]) {
			fail("page %u was %s and is %s by userfaultfd", page,
			     written[page] ? "written to" : "protected",
			     written[page] ? "still protected" : "no longer protected");
			return;
		}
}

static uint8_t *memory_of_small_pages(void)
{
	uint8_t *memory = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (unsigned int page = 0; page < PAGES; page++)
		touch(memory, page);
	return memory;
}

/* Not every kernel can do it. */
static bool has_soft_dirty(void)
{
	static uint64_t marks[PAGES];

	clear_soft_dirty();
	read_marks(dirty, marks);
	if (marks[0] & SOFT_DIRTY)
		return false;
	touch(dirty, 0);
	read_marks(dirty, marks);
	return marks[0] & SOFT_DIRTY;
}

static bool has_protection(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = WP_ASYNC | WP_UNPOPULATED };
	struct uffdio_register range = {
		.range = { (uintptr_t)protected, PAGES * PAGE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);
	return uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) &&
	       !ioctl(uffd, UFFDIO_REGISTER, &range);
}

void marks_keep(uint64_t seed, volatile bool *over)
{
	bool softly, strictly;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	report_name("marks");
	chance_seed(seed + 1);
	pagemap = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	dirty = memory_of_small_pages();
	protected = memory_of_small_pages();
	softly = has_soft_dirty();
	strictly = has_protection();
	note("soft-dirty marks: %d, userfaultfd's: %d", softly, strictly);
	while (!*over && !has_failed()) {
		if (softly)
			keep_dirty();
		if (strictly)
			keep_protected();
		if (!softly && !strictly)
			usleep(100000);
	}
	_exit(0);
}
