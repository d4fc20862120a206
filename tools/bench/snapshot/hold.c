// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps anonymous memory, and tells whether it is still what it was:
 *
 *	hold keep MIB [lock] [input]	fills MIB mebibytes, with a pattern or from standard input
 *	hold check			asks the one that keeps
 *	hold fork			has the one that keeps fork, and prints for how many microseconds it is in fork()
 *
 * `keep` returns when all is filled; a child of it keeps. It sums up its memory once when it is full, and again at
 * each check.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_WORDS 1024

static const char GOOD = 'y';
/* What the one that keeps is asked for. */
enum { CHECK = 'c', FORK = 'f' };

static int fail(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	return 1;
}

static socklen_t address(struct sockaddr_un *at)
{
	static const char name[] = "\0snapback-hold";

	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, name, sizeof(name) - 1);
	return offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1;
}

static uint32_t sum_of(const uint32_t *memory, size_t words)
{
	uint32_t sum = 1;

	for (size_t i = 0; i < words; i++)
		sum = sum * 31 + memory[i];
	return sum;
}

/* Each page holds something else, and none is empty. */
static void fill_with_pattern(uint32_t *memory, size_t words)
{
	for (size_t page = 0; page * PAGE_WORDS < words; page++) {
		uint32_t word = (page + 1) * 0x9e3779b9;

		for (size_t i = 0; i < PAGE_WORDS; i++)
			memory[page * PAGE_WORDS + i] = word;
	}
}

static int fill_from_input(char *memory, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t got = read(0, memory + done, bytes - done);

		if (got <= 0)
			return -1;
		done += got;
	}
	return 0;
}

struct order {
	size_t bytes;
	int lock;
	int input;
};

static uint32_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000u + now.tv_nsec / 1000;
}

/* 0 when it fails. The child goes after that. */
static uint32_t fork_us(void)
{
	uint32_t before = now_us(), after;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	after = now_us();
	if (child < 0 || waitpid(child, NULL, 0) != child)
		return 0;
	return after > before ? after - before : 1;
}

static int keep(struct order order, int listening, int ready)
{
	size_t words = order.bytes / sizeof(uint32_t);
	uint32_t *memory = mmap(NULL, order.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return fail("mmap");
	if (order.lock && mlock(memory, order.bytes))
		return fail("mlock");
	if (!order.input)
		fill_with_pattern(memory, words);
	else if (fill_from_input((char *)memory, order.bytes))
		return fail("standard input is too short");
	uint32_t sum = sum_of(memory, words);

	if (write(ready, &GOOD, 1) != 1)
		return fail("pipe");
	close(ready);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;) {
		int client = accept(listening, NULL, NULL);
		char asked = 0;

		if (client < 0)
			continue;
		if (read(client, &asked, 1) == 1 && asked == FORK) {
			uint32_t us = fork_us();

			if (us && write(client, &us, sizeof(us)) != sizeof(us))
				return 1;
		} else if (asked == CHECK && sum_of(memory, words) == sum && write(client, &GOOD, 1) != 1) {
			return 1;
		}
		close(client);
	}
}

static int start(struct order order)
{
	struct sockaddr_un at;
	socklen_t length = address(&at);
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);
	int ready[2];
	char answer;

	if (listening < 0 || bind(listening, (struct sockaddr *)&at, length) || listen(listening, 1))
		return fail("socket");
	if (pipe(ready))
		return fail("pipe");
	pid_t child = fork();

	if (child < 0)
		return fail("fork");
	if (child == 0) {
		setsid();
		close(ready[0]);
		_exit(keep(order, listening, ready[1]));
	}
	close(ready[1]);
	errno = ENOMEM;
	return read(ready[0], &answer, 1) == 1 ? 0 : fail("the memory could not be filled");
}

/* Whether the one that keeps gives an answer of so many bytes. */
static int ask(char what, void *answer, ssize_t bytes)
{
	struct sockaddr_un at;
	socklen_t length = address(&at);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	if (server < 0 || connect(server, (struct sockaddr *)&at, length) || write(server, &what, 1) != 1) {
		fail("nobody keeps anything");
		return 0;
	}
	return read(server, answer, bytes) == bytes;
}

static int check(void)
{
	char answer;

	if (ask(CHECK, &answer, 1))
		return 0;
	fprintf(stderr, "hold: the memory is not what it was\n");
	return 1;
}

static int time_fork(void)
{
	uint32_t us;

	if (!ask(FORK, &us, sizeof(us))) {
		fprintf(stderr, "hold: the one that keeps cannot fork\n");
		return 1;
	}
	printf("%u\n", us);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "keep") == 0) {
		struct order order = { .bytes = (size_t)atoi(argv[2]) << 20 };

		for (int i = 3; i < argc; i++) {
			order.lock |= strcmp(argv[i], "lock") == 0;
			order.input |= strcmp(argv[i], "input") == 0;
		}
		return start(order);
	}
	if (argc == 2 && strcmp(argv[1], "check") == 0)
		return check();
	if (argc == 2 && strcmp(argv[1], "fork") == 0)
		return time_fork();
	fprintf(stderr, "usage: hold keep MIB [lock] [input] | hold check | hold fork\n");
	return 2;
}
