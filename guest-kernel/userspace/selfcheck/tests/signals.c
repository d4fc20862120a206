// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: pending and queued with their values, handlers and masks, a handler under way, and
 * steady traffic.
 */
#include "../check.h"

#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#define QUEUED 6

static void block(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	must_0(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

/* Takes one pending signal of this number; false when there is none. */
static bool take(int number, siginfo_t *info)
{
	static const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	return sigtimedwait(&set, info, &now) == number;
}

static void prepare_pending(void)
{
	block(SIGUSR1);
	block(SIGRTMIN + 1);
	block(SIGRTMIN + 4);
	must(kill(getpid(), SIGUSR1));
	for (int n = 0; n < QUEUED; n++)
		must(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 100 + n }));
	/* For this thread alone, not for the process. */
	must_0(pthread_kill(pthread_self(), SIGRTMIN + 4));
}

static void corrupt_pending(void)
{
	siginfo_t info;

	take(SIGRTMIN + 1, &info);
}

static void verify_pending(void)
{
	siginfo_t info;

	check_that(take(SIGUSR1, &info) && info.si_pid == getpid() && info.si_code == SI_USER,
		   "SIGUSR1 is no longer pending");
	check_that(!take(SIGUSR1, &info), "SIGUSR1 is pending twice");
	for (int n = 0; n < QUEUED; n++)
		check_that(take(SIGRTMIN + 1, &info) && info.si_code == SI_QUEUE &&
				   info.si_value.sival_int == 100 + n,
			   "queued signal %d is lost or out of order", n);
	check_that(!take(SIGRTMIN + 1, &info), "a queued signal too many");
	/* Sent by tkill; the C library tells that as SI_USER. */
	check_that(take(SIGRTMIN + 4, &info) && info.si_code == SI_USER,
		   "the thread's own signal is lost");
}

static struct sigaction before[NSIG];
static sigset_t mask_before;
static stack_t stack_before;
static volatile bool in_handler, handler_may_go, handler_back;
static volatile uintptr_t handler_stack;

static void stay(int number)
{
	volatile uint8_t kept[512];
	uint32_t seed = check_seed() + number;

	handler_stack = (uintptr_t)&kept;
	pattern_fill((void *)kept, sizeof(kept), seed);
	in_handler = true;
	while (!handler_may_go)
		check_pause();
	pattern_check("the alternate stack", (void *)kept, sizeof(kept), seed);
}

static void *interrupted(void *unused)
{
	static uint8_t memory[65536];

	stack_before = (stack_t){ .ss_sp = memory, .ss_size = sizeof(memory) };
	must(sigaltstack(&stack_before, NULL));
	must_0(pthread_kill(pthread_self(), SIGUSR2));
	handler_back = true;
	return unused;
}

static void ignore(int number)
{
	(void)number;
}

static void prepare_handlers(void)
{
	struct sigaction action = { .sa_handler = stay, .sa_flags = SA_ONSTACK | SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGALRM);
	must(sigaction(SIGUSR2, &action, NULL));
	action = (struct sigaction){ .sa_handler = ignore, .sa_flags = SA_NODEFER | SA_RESETHAND };
	must(sigaction(SIGURG, &action, NULL));
	signal(SIGHUP, SIG_IGN);
	block(SIGIO);
	for (int number = 1; number < NSIG; number++)
		sigaction(number, NULL, &before[number]);
	must_0(pthread_sigmask(SIG_BLOCK, NULL, &mask_before));
	check_thread(interrupted, NULL);
	while (!in_handler)
		sleep_ms(2);
	if (handler_stack < (uintptr_t)stack_before.ss_sp ||
	    handler_stack > (uintptr_t)stack_before.ss_sp + stack_before.ss_size)
		check_die("the handler does not run on its stack");
}

static void corrupt_handlers(void)
{
	signal(SIGURG, ignore);
}

static void verify_handlers(void)
{
	sigset_t mask;

	for (int number = 1; number < NSIG; number++) {
		struct sigaction now = before[number];

		sigaction(number, NULL, &now);
		check_that(now.sa_handler == before[number].sa_handler &&
				   now.sa_flags == before[number].sa_flags &&
				   !memcmp(&now.sa_mask, &before[number].sa_mask, 8),
			   "the action of signal %d differs", number);
	}
	must_0(pthread_sigmask(SIG_BLOCK, NULL, &mask));
	check_that(!memcmp(&mask, &mask_before, 8), "the mask of signals differs");
	check_that(!handler_back, "a handler came back by itself");
	handler_may_go = true;
	for (int waited = 0; !handler_back && waited < check_bound_ms(5000); waited += 5)
		sleep_ms(5);
	check_that(handler_back, "a handler that was under way does not come back");
}

static volatile uint32_t *exchanged;
static volatile pid_t *players;

static void exchange(void *argument)
{
	int me = (intptr_t)argument;
	uint32_t expected = me == 0 ? 1 : 0;
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 7);
	block(SIGRTMIN + 7);
	players[me] = getpid();
	while (!players[!me])
		sleep_ms(1);
	if (me == 0)
		must(sigqueue(players[1], SIGRTMIN + 7, (union sigval){ .sival_int = 0 }));
	for (;; expected += 2) {
		if (sigwaitinfo(&set, &info) < 0 && errno == EINTR)
			continue;
		if ((uint32_t)info.si_value.sival_int != expected || info.si_pid != players[!me])
			check_die("signal number %u came as number %d from process %d", expected,
				  info.si_value.sival_int, info.si_pid);
		*exchanged = expected;
		if (expected % 16 == 0)
			check_pause();
		must(sigqueue(players[!me], SIGRTMIN + 7,
			      (union sigval){ .sival_int = expected + 1 }));
	}
}

static void prepare_traffic(void)
{
	players = check_shared(4096);
	exchanged = check_shared(4096);
	check_fork(exchange, (void *)0);
	check_fork(exchange, (void *)1);
	if (!check_grows(exchanged, 50, 20000))
		check_die("no signals are exchanged");
}

static void corrupt_traffic(void)
{
	must(sigqueue(players[0], SIGRTMIN + 7, (union sigval){ .sival_int = -1 }));
}

static void verify_traffic(void)
{
	check_that(check_grows(exchanged, *exchanged + 50, 20000), "the exchange has stopped at %u",
		   *exchanged);
}

CHECK(.name = "signals-pending", .about = "blocked and queued signals keep order and values",
      .prepare = prepare_pending, .corrupt = corrupt_pending, .verify = verify_pending)
CHECK(.name = "signal-handlers", .about = "handlers, masks, and a handler under way stay",
      .prepare = prepare_handlers, .corrupt = corrupt_handlers, .verify = verify_handlers)
CHECK(.name = "signal-traffic", .about = "two processes lose none of the signals they exchange",
      .prepare = prepare_traffic, .corrupt = corrupt_traffic, .verify = verify_traffic)
