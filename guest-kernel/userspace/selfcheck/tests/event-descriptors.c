// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors for events: eventfd, signalfd, inotify, pidfd. */
#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int counter, semaphore;
static volatile uint32_t *woken;

static bool readable(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return must(poll(&ready, 1, 0)) == 1;
}

static void wait_for_event(void *argument)
{
	uint64_t value;

	read_all((intptr_t)argument, &value, sizeof(value));
	*woken = value;
	sleep_ms(100000);
}

static int empty;

static void prepare_eventfd(void)
{
	woken = check_shared(4096);
	counter = must(eventfd(0, EFD_NONBLOCK));
	semaphore = must(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
	empty = must(eventfd(0, 0));
	must(eventfd_write(counter, 0x123456789abcdefull));
	check_fork(wait_for_event, (void *)(intptr_t)empty);
}

static void corrupt_eventfd(void)
{
	must(eventfd_write(counter, 1));
}

static void verify_eventfd(void)
{
	eventfd_t value = 0;

	must(eventfd_read(counter, &value));
	check_that(value == 0x123456789abcdefull, "the counter is 0x%llx",
		   (unsigned long long)value);
	for (int i = 0; i < 3; i++)
		check_that(eventfd_read(semaphore, &value) == 0 && value == 1,
			   "the semaphore is spent after %d", i);
	check_that(!readable(semaphore), "the semaphore has one too many");
	check_that(*woken == 0, "a reader woke without an event");
	must(eventfd_write(empty, 99));
	check_that(check_grows(woken, 98, 5000), "the reader asleep does not wake");
}

static int signals;

static void prepare_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 2);
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	signals = must(signalfd(-1, &set, SFD_NONBLOCK));
	must(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 1234 }));
	must(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 5678 }));
}

static void corrupt_signalfd(void)
{
	struct signalfd_siginfo info;

	read_all(signals, &info, sizeof(info));
}

static void verify_signalfd(void)
{
	struct signalfd_siginfo info;

	for (int expected = 1234; expected <= 5678; expected += 5678 - 1234) {
		ssize_t n = read(signals, &info, sizeof(info));

		check_that(n == sizeof(info) && info.ssi_signo == (uint32_t)SIGRTMIN + 2 &&
				   info.ssi_int == expected,
			   "the signal with %d is not there", expected);
	}
	check_that(!readable(signals), "a signal too many");
	must(kill(getpid(), SIGUSR1));
	check_that(read(signals, &info, sizeof(info)) == sizeof(info) &&
			   info.ssi_signo == SIGUSR1 && info.ssi_pid == (uint32_t)getpid(),
		   "a new signal does not arrive");
}

static int watcher, watch;
static char watched[512];

static void touch(const char *name)
{
	close(must(open(check_path(watched, name), O_WRONLY | O_CREAT, 0600)));
}

static void prepare_inotify(void)
{
	snprintf(watched, sizeof(watched), "%s", check_ram_dir());
	watcher = must(inotify_init1(IN_NONBLOCK));
	watch = must(inotify_add_watch(watcher, watched, IN_CREATE | IN_DELETE));
	touch("first");
	must(rename(check_path(watched, "first"), check_path(watched, "unseen")));
	must(unlink(check_path(watched, "unseen")));
}

static void corrupt_inotify(void)
{
	must(inotify_rm_watch(watcher, watch));
}

/* The next event in the buffer is of this kind and about this name. */
static void expect_event(const char **at, const char *end, uint32_t mask, const char *name)
{
	const struct inotify_event *event = (const void *)*at;

	if (*at + sizeof(*event) > end) {
		check_fail("the event about '%s' is lost", name);
		return;
	}
	check_that(event->mask == mask && event->wd == watch && event->len &&
			   !strcmp(event->name, name),
		   "an event is 0x%x about '%s', not 0x%x about '%s'", event->mask,
		   event->len ? event->name : "", mask, name);
	*at += sizeof(*event) + event->len;
}

static void verify_inotify(void)
{
	char buffer[4096] __attribute__((aligned(8)));
	const char *at = buffer, *end;

	touch("second");
	end = buffer + must(read(watcher, buffer, sizeof(buffer)));
	expect_event(&at, end, IN_CREATE, "first");
	expect_event(&at, end, IN_DELETE, "unseen");
	expect_event(&at, end, IN_CREATE, "second");
	check_that(at == end, "an event too many");
}

static int living, dead;
static pid_t living_pid, dead_pid;

static void live(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void prepare_pidfd(void)
{
	living_pid = check_fork(live, NULL);
	living = must(syscall(SYS_pidfd_open, living_pid, 0));
	dead_pid = check_fork(live, NULL);
	dead = must(syscall(SYS_pidfd_open, dead_pid, 0));
	must(kill(dead_pid, SIGTERM));
	while (!readable(dead))
		sleep_ms(2);
}

static void corrupt_pidfd(void)
{
	must(kill(living_pid, SIGKILL));
	while (!readable(living))
		sleep_ms(2);
}

static void verify_pidfd(void)
{
	int status;

	check_that(readable(dead), "the descriptor of a process that has ended says that it lives");
	check_that(!readable(living), "the descriptor of a living process says that it has ended");
	check_that(must(waitpid(dead_pid, &status, 0)) == dead_pid && WIFSIGNALED(status) &&
			   WTERMSIG(status) == SIGTERM,
		   "the status of the ended process is lost");
	must(syscall(SYS_pidfd_send_signal, living, SIGKILL, NULL, 0));
	check_that(must(waitpid(living_pid, &status, 0)) == living_pid &&
			   WTERMSIG(status) == SIGKILL,
		   "a signal by descriptor does not arrive");
}

CHECK(.name = "eventfd", .about = "eventfds keep their counts, and who waits",
      .prepare = prepare_eventfd, .corrupt = corrupt_eventfd, .verify = verify_eventfd)
CHECK(.name = "signalfd", .about = "a signalfd keeps the signals queued for it",
      .prepare = prepare_signalfd, .corrupt = corrupt_signalfd, .verify = verify_signalfd)
CHECK(.name = "inotify", .about = "inotify keeps events and goes on watching",
      .prepare = prepare_inotify, .corrupt = corrupt_inotify, .verify = verify_inotify)
CHECK(.name = "pidfd", .about = "pidfds still tell the living from the dead",
      .prepare = prepare_pidfd, .corrupt = corrupt_pidfd, .verify = verify_pidfd)
