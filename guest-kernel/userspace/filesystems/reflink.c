// SPDX-License-Identifier: GPL-2.0-only
/*
 * reflink < SOURCE 1<> TARGET: makes TARGET, which is open already, a clone of SOURCE.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fs.h>

int main(void)
{
	if (ioctl(STDOUT_FILENO, FICLONE, STDIN_FILENO)) {
		fprintf(stderr, "reflink: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
