// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped files on a disk: a shared mapping, also written through, and a private one with some
 * pages of its own.
 */
#include "../check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 64
#define BYTES (PAGES * PAGE)

static uint8_t *shared, *private;
static int fd;
static uint32_t seed;

static uint8_t *map_new_file(const char *name, int flags)
{
	static uint8_t contents[BYTES];

	for (int page = 0; page < PAGES; page++)
		pattern_fill(contents + page * PAGE, PAGE, seed + page);
	fd = must(open(check_path(check_disk_dir(), name), O_RDWR | O_CREAT | O_TRUNC, 0600));
	write_all(fd, contents, BYTES);
	return must(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, fd, 0));
}

static void prepare_shared(void)
{
	seed = check_seed();
	shared = map_new_file("shared", MAP_SHARED);
	for (int page = 0; page < PAGES; page += 2)
		pattern_fill(shared + page * PAGE, PAGE, ~seed + page);
	/* A part on disk, the rest dirty in the page cache. */
	must(msync(shared, BYTES / 2, MS_SYNC));
}

static void corrupt_shared(void)
{
	shared[3 * PAGE + 9] ^= 0x80;
}

static void verify_shared(void)
{
	static uint8_t contents[BYTES];

	must(lseek(fd, 0, SEEK_SET));
	read_all(fd, contents, BYTES);
	for (int page = 0; page < PAGES; page++) {
		uint32_t expected = (page % 2 ? seed : ~seed) + page;

		pattern_check("shared mapping", shared + page * PAGE, PAGE, expected);
		pattern_check("the file under the shared mapping", contents + page * PAGE, PAGE,
			      expected);
	}
	must(msync(shared, BYTES, MS_SYNC));
}

static void prepare_private(void)
{
	seed = check_seed();
	private = map_new_file("private", MAP_PRIVATE);
	for (int page = 0; page < PAGES; page += 2)
		pattern_fill(private + page * PAGE, PAGE, ~seed + page);
}

static void corrupt_private(void)
{
	uint8_t wrong = 1;

	must(pwrite(fd, &wrong, 1, 5 * PAGE));
}

static void verify_private(void)
{
	static uint8_t contents[BYTES];

	must(lseek(fd, 0, SEEK_SET));
	read_all(fd, contents, BYTES);
	for (int page = 0; page < PAGES; page++) {
		pattern_check("private mapping", private + page * PAGE, PAGE,
			      (page % 2 ? seed : ~seed) + page);
		pattern_check("the file under the private mapping", contents + page * PAGE, PAGE,
			      seed + page);
	}
}

CHECK(.name = "mapped-file-shared",
      .about = "a shared mapping of a file keeps what was written through it",
      .prepare = prepare_shared, .corrupt = corrupt_shared, .verify = verify_shared)
CHECK(.name = "mapped-file-private",
      .about = "a private mapping of a file keeps its own pages and the file's",
      .prepare = prepare_private, .corrupt = corrupt_private, .verify = verify_private)
