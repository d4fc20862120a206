// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of files, in RAM and on a disk: names, contents, modes, times, links, extended attributes.
 */
#include "../check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DIRS 8
#define FILES 12

static const char *dir;
static char root[512];

static const char *name(int d, int f)
{
	static char path[600];

	if (f < 0)
		snprintf(path, sizeof(path), "%s/d%d", root, d);
	else
		snprintf(path, sizeof(path), "%s/d%d/file-with-a-rather-long-name-%d", root, d, f);
	return path;
}

static size_t bytes_of(int d, int f)
{
	return (d * FILES + f) * 317 + (f == 5 ? 40000 : 0);
}

static struct timespec time_of(int d, int f)
{
	return (struct timespec){ .tv_sec = 1000000000 + d * 1000 + f, .tv_nsec = 123000000 + f };
}

static void make_file(int d, int f)
{
	static uint8_t contents[100000];
	struct timespec times[2] = { time_of(d, f), time_of(d, f) };
	int fd = must(open(name(d, f), O_WRONLY | O_CREAT | O_EXCL, 0600));

	pattern_fill(contents, bytes_of(d, f), check_seed() + d * FILES + f);
	write_all(fd, contents, bytes_of(d, f));
	must(fchmod(fd, 0600 + d * 8 + f % 8));
	must(futimens(fd, times));
	close(fd);
}

static void make_tree(void)
{
	char to[700];

	snprintf(root, sizeof(root), "%s", dir);
	for (int d = 0; d < DIRS; d++) {
		must(mkdir(name(d, -1), 0755));
		for (int f = 0; f < FILES; f++)
			make_file(d, f);
		snprintf(to, sizeof(to), "%s/link-%d", root, d);
		must(symlink("d0/nowhere", to));
		snprintf(to, sizeof(to), "%s/twin-%d", root, d);
		must(link(name(d, 3), to));
	}
}

static int entries_in(const char *path)
{
	DIR *stream = opendir(path);
	int found = 0;

	if (!stream)
		check_die("%s: %s", path, strerror(errno));
	while (readdir(stream))
		found++;
	closedir(stream);
	return found - 2;
}

static void verify_file(int d, int f)
{
	static uint8_t contents[100000];
	struct timespec time = time_of(d, f);
	struct stat status;
	int fd = must(open(name(d, f), O_RDONLY | O_NOATIME));

	must(fstat(fd, &status));
	check_that((size_t)status.st_size == bytes_of(d, f), "%s is %lld bytes long", name(d, f),
		   (long long)status.st_size);
	check_that((status.st_mode & 07777) == (mode_t)(0600 + d * 8 + f % 8), "%s has mode %o",
		   name(d, f), status.st_mode);
	check_that(status.st_mtim.tv_sec == time.tv_sec && status.st_mtim.tv_nsec == time.tv_nsec,
		   "%s has another time", name(d, f));
	check_that(status.st_nlink == (f == 3 ? 2 : 1), "%s has %d links", name(d, f),
		   (int)status.st_nlink);
	read_all(fd, contents, bytes_of(d, f));
	pattern_check(name(d, f), contents, bytes_of(d, f), check_seed() + d * FILES + f);
	close(fd);
}

static void verify(void)
{
	char path[700], target[100];

	check_that(entries_in(root) == 3 * DIRS, "%s has %d entries, not %d", root,
		   entries_in(root), 3 * DIRS);
	for (int d = 0; d < DIRS; d++) {
		ssize_t n;

		check_that(entries_in(name(d, -1)) == FILES, "%s has %d entries", name(d, -1),
			   entries_in(name(d, -1)));
		for (int f = 0; f < FILES; f++)
			verify_file(d, f);
		snprintf(path, sizeof(path), "%s/link-%d", root, d);
		n = must(readlink(path, target, sizeof(target)));
		check_that(n == 10 && !memcmp(target, "d0/nowhere", 10), "%s points elsewhere",
			   path);
	}
}

static void prepare_ram(void)
{
	dir = check_ram_dir();
	make_tree();
}

static void corrupt_ram(void)
{
	must(truncate(name(4, 5), 40001));
}

static void prepare_disk(void)
{
	dir = check_disk_dir();
	make_tree();
	if (setxattr(name(1, 1), "user.selfcheck", "attribute", 9, 0) && errno != EOPNOTSUPP)
		check_die("setxattr: %s", strerror(errno));
	/* Half of it on the disk, half only in the page cache. */
	sync();
	must(unlink(name(2, 2)));
	make_file(2, 2);
}

static void corrupt_disk(void)
{
	must(unlink(name(7, 7)));
	make_file(7, 7);
	must(chmod(name(7, 7), 0777));
}

CHECK(.name = "tree-in-ram", .about = "a tree of files in tmpfs stays as it was",
      .prepare = prepare_ram, .corrupt = corrupt_ram, .verify = verify)
CHECK(.name = "tree-on-disk", .about = "a tree of files on a disk stays as it was",
      .prepare = prepare_disk, .corrupt = corrupt_disk, .verify = verify)
