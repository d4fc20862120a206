// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait-turns pipe|epoll CGROUP: two processes wait for the same thing, of which there comes as much as one of them needs. One of them is
 * frozen with CGROUP, a folder of the cgroup freezer (version 1), whether it has waited longer than the other or not. The other one
 * must get what has come; the frozen one gets on with the next, when it has been thawed. Exit 1 if one of them does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096
/** How long a process may take to begin a wait, and to end it. */
#define BEGIN_MS 200
#define END_MS 3000

static char page[PAGE_BYTES];

static int must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "wait-turns: %s: %s\n", what, strerror(errno));
		exit(9);
	}
	return result;
}

#define MUST(call) must(call, #call)

/** What is waited for. */
static int ends[2];
static int event, watch;

/** A pipe that is full: a writer has room when a page has been read. */
static void pipe_prepare(void)
{
	MUST(pipe(ends));
	MUST(fcntl(ends[1], F_SETFL, O_NONBLOCK));
	while (write(ends[1], page, PAGE_BYTES) > 0)
		;
	MUST(fcntl(ends[1], F_SETFL, 0));
}

static bool pipe_wait(void)
{
	return write(ends[1], page, PAGE_BYTES) == PAGE_BYTES;
}

static void pipe_come(void)
{
	MUST(read(ends[0], page, PAGE_BYTES));
}

/** Both wait for the same epoll: an event is taken by who comes first. */
static void epoll_prepare(void)
{
	struct epoll_event wanted = { .events = EPOLLIN };

	event = MUST(eventfd(0, EFD_NONBLOCK));
	watch = MUST(epoll_create1(0));
	MUST(epoll_ctl(watch, EPOLL_CTL_ADD, event, &wanted));
}

static bool epoll_take(void)
{
	struct epoll_event got;
	uint64_t count;

	do {
		/* It may be interrupted by the freezer of cgroups. */
		if (epoll_wait(watch, &got, 1, -1) != 1 && errno != EINTR)
			return false;
	} while (read(event, &count, sizeof(count)) != sizeof(count));
	return true;
}

static void epoll_come(void)
{
	uint64_t one = 1;

	MUST(write(event, &one, sizeof(one)));
}

static const struct kind {
	const char *name;
	void (*prepare)(void);
	/** False if the wait ends before anything has come. */
	bool (*wait)(void);
	void (*come)(void);
} KINDS[] = {
	{ "pipe", pipe_prepare, pipe_wait, pipe_come },
	{ "epoll", epoll_prepare, epoll_take, epoll_come },
};

static pid_t begin(const struct kind *kind)
{
	pid_t pid = MUST(fork());

	if (!pid)
		_exit(kind->wait() ? 0 : 1);
	usleep(BEGIN_MS * 1000);
	return pid;
}

/** Has it got on? It is killed otherwise. */
static bool gets_on(pid_t pid, const char *which, const char *kind)
{
	int status;

	for (int ms = 0; ms < END_MS; ms += 10) {
		if (MUST(waitpid(pid, &status, WNOHANG)) == pid) {
			if (!status)
				return true;
			fprintf(stderr, "wait-turns: %s: the wait of the process that %s has ended with status 0x%x\n", kind, which, status);
			return false;
		}
		usleep(10000);
	}
	fprintf(stderr, "wait-turns: %s: the process that %s waits for what has come\n", kind, which);
	kill(pid, SIGKILL);
	MUST(waitpid(pid, &status, 0));
	return false;
}

static void write_line(const char *folder, const char *name, const char *line)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file || fputs(line, file) < 0 || fclose(file)) {
		perror(path);
		exit(9);
	}
}

static bool take_turns(const struct kind *kind, const char *cgroup, bool frozen_first)
{
	pid_t one, other, frozen, awake;
	char number[16];
	bool right;

	kind->prepare();
	one = begin(kind);
	other = begin(kind);
	frozen = frozen_first ? one : other;
	awake = frozen_first ? other : one;
	snprintf(number, sizeof(number), "%d", frozen);
	write_line(cgroup, "tasks", number);
	write_line(cgroup, "freezer.state", "FROZEN");
	usleep(BEGIN_MS * 1000);
	kind->come();
	right = gets_on(awake, frozen_first ? "is not frozen and came last" : "is not frozen and came first", kind->name);
	write_line(cgroup, "freezer.state", "THAWED");
	kind->come();
	right &= gets_on(frozen, frozen_first ? "was frozen and came first" : "was frozen and came last", kind->name);
	return right;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(KINDS) / sizeof(*KINDS); i++)
		if (!strcmp(argv[1], KINDS[i].name)) {
			bool right = take_turns(&KINDS[i], argv[2], true);

			return take_turns(&KINDS[i], argv[2], false) && right ? 0 : 1;
		}
	fputs("usage: wait-turns pipe|epoll CGROUP\n", stderr);
	return 2;
}
