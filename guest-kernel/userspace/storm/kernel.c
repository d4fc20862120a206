// SPDX-License-Identifier: GPL-2.0-only
/* snapshot(2) and its descriptor, and small helpers. */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../snapctl/system.h"

unsigned int store_number(const char *path)
{
	struct stat status;

	if (!*path)
		return 0;
	must(stat(path, &status));
	return system_device(status.st_rdev);
}

bool has_snapshot(void)
{
	return !access("/sys/kernel/snapshot", F_OK);
}

int snapshot(unsigned int store, int *image)
{
	return syscall(NR_SNAPSHOT, store, image);
}

bool snapshot_info(int image, struct snapshot_info *info)
{
	return !ioctl(image, SNAPSHOT_GET_INFO, info);
}

uint64_t image_read(int image, uint64_t bytes_max, size_t piece_bytes)
{
	static const size_t sizes[] = { 1, 511, 4095, 4096, 4097, 65536, 1 << 20 };
	static unsigned char *buffer;
	struct snapshot_info info;
	uint64_t done;

	if (!buffer)
		buffer = malloc(1 << 20);
	if (!buffer || !snapshot_info(image, &info))
		die("asking about the image: %s", strerror(errno));
	for (done = info.read_bytes; done < bytes_max;) {
		size_t piece = piece_bytes ? piece_bytes :
					     sizes[chance(sizeof(sizes) / sizeof(*sizes))];
		struct pollfd poll_image = { .fd = image, .events = POLLIN };
		ssize_t got;

		if (piece > bytes_max - done)
			piece = bytes_max - done;
		if (poll(&poll_image, 1, 0) != 1 || !(poll_image.revents & POLLIN))
			fail("the image cannot be read at %llu, says poll",
			     (unsigned long long)done);
		got = read(image, buffer, piece);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail("reading the image at %llu: %s", (unsigned long long)done,
			     strerror(errno));
			break;
		}
		if (!got)
			break;
		done += got;
	}
	if (!snapshot_info(image, &info) || info.read_bytes != done)
		fail("%llu bytes of the image were read, but the kernel counts %llu",
		     (unsigned long long)done, (unsigned long long)info.read_bytes);
	if (done < bytes_max && done != info.image_bytes)
		fail("the image ended after %llu bytes of %llu", (unsigned long long)done,
		     (unsigned long long)info.image_bytes);
	return done;
}

void write_file(const char *path, const char *text)
{
	int file = must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

	must(write(file, text, strlen(text)));
	close(file);
}

int run_quietly(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status, error;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return -1;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
