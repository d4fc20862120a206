// SPDX-License-Identifier: GPL-2.0-only
/* Those that only work, and look whether they get back what they put. */
#include "callers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices.h"

static void spin_step(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 40);
}

const struct actor spinner = { .name = "spinner", .step = spin_step, .pause_us_max = 10000 };

/* Children that have children; as many as 31 at a time. */
static void fork_tree(unsigned int depth)
{
	pid_t children[2];

	for (int i = 0; i < 2; i++) {
		children[i] = depth ? fork() : 0;
		if (!depth)
			break;
		if (!children[i]) {
			fork_tree(depth - 1);
			pause_up_to(3000);
			_exit(0);
		}
	}
	for (int i = 0; depth && i < 2; i++)
		while (children[i] > 0 && waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
			;
}

static void fork_step(void)
{
	static const char *const nothing[] = { "true", NULL };

	if (chance_in(3))
		run_quietly(nothing);
	else
		fork_tree(1 + chance(4));
}

const struct actor forker = { .name = "forker", .step = fork_step, .pause_us_max = 8000 };

static void hog_step(void)
{
	size_t bytes = (size_t)(1 + chance(40)) << 20, wrong = 0;
	unsigned char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t seed = chance(UINT32_MAX);
	pid_t child = -1;

	if (memory == MAP_FAILED) {
		note("mmap: %s", strerror(errno));
		return;
	}
	for (size_t at = 0; at < bytes; at += 4096)
		*(uint32_t *)(memory + at) = seed ^ at;
	/* What both have is copied when one writes to it. */
	if (chance_in(3))
		child = fork();
	for (unsigned int round = 0; round < 3; round++) {
		pause_up_to(30000);
		for (size_t at = 0; at < bytes; at += 4096) {
			uint32_t *word = (uint32_t *)(memory + at);

			wrong += *word != (seed ^ at);
			*word ^= 0x5555;
		}
		seed ^= 0x5555;
	}
	if (wrong)
		fail("%zu pages of anonymous memory are not what was written", wrong);
	if (!child)
		_exit(0);
	munmap(memory, bytes);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

const struct actor hog = { .name = "hog",
			   .step = hog_step,
			   .pause_us_max = 30000,
			   .may_be_killed = true };

static void fill(uint32_t *words, size_t count, uint32_t seed)
{
	for (size_t i = 0; i < count; i++)
		words[i] = seed + i * 2654435761u;
}

/* Writes a file, by write() or through a mapping, and reads it back past the cache. */
static void write_step(void)
{
	static const char *const folders[] = { "files", "files", "on-ext4", "on-vfat" };
	static uint32_t out[16384], in[16384];
	size_t bytes = (1 + chance(sizeof(out) / 4096)) * 4096;
	char path[96], other[96];
	bool by_mapping = chance_in(3);
	int file;

	snprintf(path, sizeof(path), "%s/%u", place(folders[chance(4)]), chance(20));
	fill(out, bytes / 4, chance(UINT32_MAX));
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0) {
		if (errno != EROFS && errno != ENOSPC && errno != EINTR)
			fail("%s: %s", path, strerror(errno));
		return;
	}
	if (by_mapping && !ftruncate(file, bytes)) {
		void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

		if (map != MAP_FAILED) {
			memcpy(map, out, bytes);
			munmap(map, bytes);
		}
	} else if (write(file, out, bytes) != (ssize_t)bytes) {
		note("write %s: %s", path, strerror(errno));
		close(file);
		return;
	}
	if (chance_in(2) && fsync(file) && errno != EROFS && errno != EINTR)
		fail("fsync of %s: %s", path, strerror(errno));
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	if (pread(file, in, bytes, 0) != (ssize_t)bytes || memcmp(in, out, bytes))
		fail("%s does not hold what was written", path);
	close(file);
	snprintf(other, sizeof(other), "%.80s-new", path);
	if (chance_in(3) && rename(path, other) && errno != EROFS && errno != ENOENT)
		fail("rename of %s: %s", path, strerror(errno));
	else if (chance_in(3))
		unlink(path);
}

const struct actor writer = { .name = "writer", .step = write_step, .pause_us_max = 5000 };

/* What is sent over the loopback interface arrives. */
static void network_step(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int one, other = -1;
	char out[2000], in[2000];

	memset(out, chance(256), sizeof(out));
	must(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	must(listen(listener, 1));
	must(getsockname(listener, (struct sockaddr *)&address, &length));
	one = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (connect(one, (struct sockaddr *)&address, sizeof(address)) && errno != EINTR)
		fail("connect: %s", strerror(errno));
	else
		other = accept(listener, NULL, NULL);
	for (unsigned int i = chance(8); other >= 0 && i; i--) {
		if (send(one, out, sizeof(out), MSG_NOSIGNAL) != sizeof(out))
			break;
		pause_up_to(3000);
		if (recv(other, in, sizeof(in), MSG_WAITALL) != sizeof(in))
			break;
		if (memcmp(in, out, sizeof(in)))
			fail("what came over the network is not what was sent");
	}
	close(one);
	if (other >= 0)
		close(other);
	close(listener);
}

const struct actor networker = { .name = "networker", .step = network_step, .pause_us_max = 10000 };

const struct actor *leading_actor(void)
{
	return has_snapshot() ? &caller : &hibernator;
}

const struct actor *const actors[] = { &caller,	    &second_caller, &victim,	&disturber,
				       &hibernator, &freezer,	    &remounter, &mounter,
				       &mapper,	    &looper,	    &swapper,	&spinner,
				       &forker,	    &hog,	    &writer,	&networker,
				       NULL };
