// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold-memory MIB [leaderless]: fills so much memory, prints "ready", and rewrites all of it at each SIGUSR1. With
 * "leaderless", a thread holds it and the first one has exited: the process is a zombie with memory.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t bytes;
static bool leaderless;

/* A value of its own in each page, so that none is zero or like another. */
static void fill(char *memory, unsigned int round)
{
	for (size_t at = 0; at < bytes; at += 64)
		*(unsigned int *)(memory + at) = (unsigned int)(at >> 6) * 2654435761u + round;
}

static bool holds(const char *memory, unsigned int round)
{
	for (size_t at = 0; at < bytes; at += 64)
		if (*(const unsigned int *)(memory + at) != (unsigned int)(at >> 6) * 2654435761u + round)
			return false;
	return true;
}

static void *hold(void *first)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t again;
	int number;

	sigemptyset(&again);
	sigaddset(&again, SIGUSR1);
	if (memory == MAP_FAILED) {
		perror("hold-memory: mmap");
		exit(1);
	}
	if (leaderless)
		pthread_join(*(pthread_t *)first, NULL);
	fill(memory, 0);
	puts("ready");
	for (unsigned int round = 0;; round++) {
		fflush(stdout);
		sigwait(&again, &number);
		if (!holds(memory, round)) {
			puts("lost");
			exit(1);
		}
		fill(memory, round + 1);
		puts("rewritten");
	}
}

int main(int argc, char **argv)
{
	static pthread_t first;
	pthread_t thread;
	sigset_t again;

	leaderless = argc == 3 && !strcmp(argv[2], "leaderless");
	if (argc < 2 || argc > 3 || (argc == 3 && !leaderless)) {
		fputs("usage: hold-memory MIB [leaderless]\n", stderr);
		return 2;
	}
	bytes = strtoul(argv[1], NULL, 10) << 20;
	sigemptyset(&again);
	sigaddset(&again, SIGUSR1);
	sigprocmask(SIG_BLOCK, &again, NULL);
	first = pthread_self();
	if (!leaderless)
		hold(&first);
	if (pthread_create(&thread, NULL, hold, &first)) {
		perror("hold-memory: pthread_create");
		return 1;
	}
	pthread_exit(NULL);
}
