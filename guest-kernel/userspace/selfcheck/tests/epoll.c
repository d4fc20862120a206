// SPDX-License-Identifier: GPL-2.0-only
/* epoll: level-triggered, edge-triggered, one-shot and nested; and a process asleep in it. */
#include "../check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int set, outer, pipes[3][2], quiet;
static volatile uint32_t *woken;

enum { LEVEL, EDGE, ONE_SHOT, KINDS };

static const uint32_t kinds[KINDS] = { EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT };

static void watch(int in, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	must(epoll_ctl(in, EPOLL_CTL_ADD, fd, &event));
}

/* A bit for each kind that reports now. */
static unsigned int reported(void)
{
	struct epoll_event events[8];
	int count = must(epoll_wait(set, events, 8, 0));
	unsigned int bits = 0;

	for (int i = 0; i < count; i++) {
		check_that(events[i].data.u64 >> 8 == 0xfeedfacecafe,
			   "the data of an event are 0x%llx",
			   (unsigned long long)events[i].data.u64);
		bits |= 1u << (events[i].data.u64 & 0xff);
	}
	return bits;
}

static void sleep_in_epoll(void *unused)
{
	struct epoll_event event;

	(void)unused;
	/*
	 * signal(7): the freezing of tasks may end this wait by EINTR, as SIGSTOP does; that is no
	 * event.
	 */
	while (epoll_wait(quiet, &event, 1, -1) < 0)
		if (errno != EINTR)
			check_die("epoll_wait: %s", strerror(errno));
	*woken = 1;
	sleep_ms(100000);
}

static int quiet_event;

static void prepare(void)
{
	woken = check_shared(4096);
	set = must(epoll_create1(0));
	outer = must(epoll_create1(0));
	watch(outer, set, EPOLLIN, 1);
	for (int kind = 0; kind < KINDS; kind++) {
		must(pipe(pipes[kind]));
		watch(set, pipes[kind][0], kinds[kind], 0xfeedfacecafe00ull + kind);
		write_all(pipes[kind][1], "x", 1);
	}
	/* All report once; from then on only the level does. */
	if (reported() != 7 || reported() != 1)
		check_die("epoll does not report as it should to begin with");
	quiet = must(epoll_create1(0));
	quiet_event = must(eventfd(0, 0));
	watch(quiet, quiet_event, EPOLLIN | EPOLLET, 0);
	check_fork(sleep_in_epoll, NULL);
}

static void corrupt(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET,
				     .data.u64 = 0xfeedfacecafe00ull + EDGE };

	/* Arms it anew: it reports what it has reported before. */
	must(epoll_ctl(set, EPOLL_CTL_MOD, pipes[EDGE][0], &event));
}

static void verify(void)
{
	struct epoll_event event;
	unsigned int bits = reported();

	check_that(bits == 1u << LEVEL,
		   "before anything new, 0x%x report instead of the level alone", bits);
	check_that(must(epoll_wait(outer, &event, 1, 0)) == 1,
		   "the outer set does not see the inner one");
	for (int kind = 0; kind < KINDS; kind++)
		write_all(pipes[kind][1], "x", 1);
	bits = reported();
	check_that(bits == (1u << LEVEL | 1u << EDGE),
		   "after new data, 0x%x report instead of level and edge", bits);
	event = (struct epoll_event){ .events = kinds[ONE_SHOT],
				      .data.u64 = 0xfeedfacecafe00ull + ONE_SHOT };
	must(epoll_ctl(set, EPOLL_CTL_MOD, pipes[ONE_SHOT][0], &event));
	bits = reported();
	check_that(bits == (1u << LEVEL | 1u << ONE_SHOT), "armed anew, 0x%x report", bits);
	check_that(!*woken, "who sleeps in epoll woke without an event");
	must(eventfd_write(quiet_event, 1));
	check_that(check_grows(woken, 0, 5000), "who sleeps in epoll does not wake");
}

CHECK(.name = "epoll",
      .about = "epoll sets keep what is level, edge and one-shot, and who sleeps in them",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
