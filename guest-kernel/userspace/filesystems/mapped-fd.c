// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapped-fd FILE: takes a snapshot, with the changes of the live timeline in memory, and has the number of its descriptor
 * put into a shared mapping of FILE, which may be on a filesystem that cannot be written in the live timeline.
 *
 * Says how the call returned and whether the number that stands there is that of a snapshot's descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../snapshot.h"

int main(int argc, char **argv)
{
	struct snapshot_info info;
	int file = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1, *descriptor;
	long result;

	if (argc != 2) {
		fprintf(stderr, "usage: mapped-fd FILE\n");
		return 2;
	}
	descriptor = mmap(NULL, sizeof(*descriptor), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (descriptor == MAP_FAILED) {
		printf("%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	result = syscall(NR_SNAPSHOT, 0, descriptor);
	if (result < 0)
		printf("failed: %s\n", strerror(errno));
	else
		printf("returned %ld\n", result);
	printf("descriptor: %s\n", ioctl(*descriptor, SNAPSHOT_GET_INFO, &info) ? strerror(errno) : "of a snapshot");
	return 0;
}
