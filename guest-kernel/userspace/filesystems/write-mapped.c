// SPDX-License-Identifier: GPL-2.0-only
/*
 * write-mapped SOURCE TARGET: opens both, waits for a line of input, and writes the first page of SOURCE to TARGET from a mapping,
 * without having looked at it. So the page is read while the kernel writes to TARGET, and whoever serves SOURCE decides how long
 * that takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096

static int complain(const char *what)
{
	fprintf(stderr, "write-mapped: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int source, target;
	void *page;

	if (argc != 3) {
		fprintf(stderr, "usage: write-mapped SOURCE TARGET\n");
		return 2;
	}
	source = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (source < 0)
		return complain(argv[1]);
	target = open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (target < 0)
		return complain(argv[2]);
	page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE, source, 0);
	if (page == MAP_FAILED)
		return complain(argv[1]);
	getchar();
	printf("writing\n");
	fflush(stdout);
	if (write(target, page, PAGE_BYTES) != PAGE_BYTES)
		return complain(argv[2]);
	return 0;
}
