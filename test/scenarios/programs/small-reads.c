// SPDX-License-Identifier: GPL-2.0-only
/* Makes an image by /dev/snapshot and reads it in pieces of many sizes: does all of it come? */
#include <errno.h>
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	static const size_t sizes[] = { 4096, 1024, 1, 100, 1000, 4095, 3000 };
	static char buffer[4096];
	unsigned long long image = 0, done = 0;
	int device = open("/dev/snapshot", O_RDONLY), live = 0;
	ssize_t count = 0;
	size_t i = 0;

	if (device < 0 || ioctl(device, SNAPSHOT_FREEZE) || ioctl(device, SNAPSHOT_CREATE_IMAGE, &live) || !live ||
	    ioctl(device, SNAPSHOT_GET_IMAGE_SIZE, &image)) {
		fprintf(stderr, "no image: %s\n", strerror(errno));
		return 2;
	}
	while ((count = read(device, buffer, sizes[i++ % (sizeof(sizes) / sizeof(*sizes))])) > 0)
		done += count;
	ioctl(device, SNAPSHOT_FREE);
	ioctl(device, SNAPSHOT_UNFREEZE);
	if (count < 0)
		perror("read");
	printf("read %llu bytes of an image of %llu\n", done, image);
	return count < 0 || done != image;
}
