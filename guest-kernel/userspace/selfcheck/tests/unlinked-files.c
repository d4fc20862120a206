// SPDX-License-Identifier: GPL-2.0-only
/* Files without a name, on a disk and in RAM: unlinked while open, and never linked at all. */
#include "../check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES 150000

static struct {
	const char *what;
	int fd;
} files[] = { { "unlinked on disk", -1 },
	      { "unlinked in RAM", -1 },
	      { "O_TMPFILE on disk", -1 },
	      { "O_TMPFILE in RAM", -1 } };

static uint8_t contents[BYTES];

static int unlinked(const char *dir)
{
	const char *path = check_path(dir, "file");
	int fd = must(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));

	must(unlink(path));
	return fd;
}

static void prepare(void)
{
	files[0].fd = unlinked(check_disk_dir());
	files[1].fd = unlinked(check_ram_dir());
	files[2].fd = must(open(check_disk_dir(), O_TMPFILE | O_RDWR, 0600));
	files[3].fd = must(open(check_ram_dir(), O_TMPFILE | O_RDWR, 0600));
	for (int i = 0; i < 4; i++) {
		pattern_fill(contents, BYTES, check_seed() + i);
		write_all(files[i].fd, contents, BYTES);
	}
	must(fsync(files[0].fd));
}

static void corrupt(void)
{
	must(pwrite(files[2].fd, "x", 1, 77777));
}

static void verify(void)
{
	for (int i = 0; i < 4; i++) {
		struct stat status;

		must(fstat(files[i].fd, &status));
		check_that(status.st_nlink == 0, "the file %s has %d links", files[i].what,
			   (int)status.st_nlink);
		check_that(status.st_size == BYTES, "the file %s is %lld bytes long", files[i].what,
			   (long long)status.st_size);
		must(lseek(files[i].fd, 0, SEEK_SET));
		read_all(files[i].fd, contents, BYTES);
		pattern_check(files[i].what, contents, BYTES, check_seed() + i);
	}
}

CHECK(.name = "unlinked-files", .about = "open files without a name keep their contents",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
