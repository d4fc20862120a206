// SPDX-License-Identifier: GPL-2.0-only
/* A family: living, stopped and dead children, an orphan taken in, groups and a session. */
#include "../check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	volatile pid_t orphan;
	volatile pid_t orphans_parent;
	volatile uint32_t beats;
};

static struct shared *shared;
static pid_t living, stopped, exited, killed, middle, group, session;

static void live(void *unused)
{
	(void)unused;
	for (;; sleep_ms(5))
		shared->beats++;
}

static void idle(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void leave(void *unused)
{
	(void)unused;
	_exit(42);
}

/* Leaves an orphan behind. */
static void leave_orphan(void *unused)
{
	if (must(fork()) == 0) {
		shared->orphan = getpid();
		for (;; sleep_ms(5))
			shared->orphans_parent = getppid();
	}
	(void)unused;
}

static char state_of(pid_t pid)
{
	char path[64], text[1024];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	end = strrchr(slurp(path, text, sizeof(text)), ')');
	return end ? end[2] : '?';
}

static void wait_for_state(pid_t pid, char state)
{
	for (int waited = 0; state_of(pid) != state; waited += 5) {
		if (waited > check_bound_ms(5000))
			check_die("process %d does not come into state %c", pid, state);
		sleep_ms(5);
	}
}

static void prepare(void)
{
	shared = check_shared(sizeof(*shared));
	must(prctl(PR_SET_CHILD_SUBREAPER, 1));
	group = getpgrp();
	session = getsid(0);
	living = check_fork(live, NULL);
	stopped = check_fork(idle, NULL);
	must(kill(stopped, SIGSTOP));
	wait_for_state(stopped, 'T');
	exited = check_fork(leave, NULL);
	wait_for_state(exited, 'Z');
	killed = check_fork(idle, NULL);
	must(kill(killed, SIGUSR2));
	wait_for_state(killed, 'Z');
	middle = check_fork(leave_orphan, NULL);
	must(waitpid(middle, NULL, 0));
	for (int waited = 0; shared->orphans_parent != getpid(); waited += 5) {
		if (waited > check_bound_ms(5000))
			check_die("the orphan was not taken in");
		sleep_ms(5);
	}
}

static void corrupt(void)
{
	must(kill(stopped, SIGCONT));
	wait_for_state(stopped, 'S');
}

static void verify(void)
{
	int status;

	check_that(getpgrp() == group && getsid(0) == session, "group or session differ");
	check_that(getpgid(living) == group && getsid(living) == session,
		   "a child's group or session differ");
	check_that(check_grows(&shared->beats, shared->beats, 5000),
		   "the living child stands still");
	check_that(state_of(stopped) == 'T', "the stopped child is in state %c", state_of(stopped));
	check_that(waitpid(stopped, &status, WUNTRACED | WNOHANG) == stopped &&
			   WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP,
		   "the stop of a child can no longer be waited for");
	must(kill(stopped, SIGCONT));
	check_that(waitpid(stopped, &status, WCONTINUED) == stopped && WIFCONTINUED(status),
		   "the stopped child does not go on");
	check_that(state_of(exited) == 'Z' && waitpid(exited, &status, 0) == exited &&
			   WIFEXITED(status) && WEXITSTATUS(status) == 42,
		   "the exit status of a dead child is lost");
	check_that(waitpid(killed, &status, 0) == killed && WIFSIGNALED(status) &&
			   WTERMSIG(status) == SIGUSR2,
		   "the signal that killed a child is lost");
	check_that(shared->orphans_parent == getpid(), "the orphan belongs to %d",
		   shared->orphans_parent);
	must(kill(shared->orphan, SIGKILL));
	check_that(waitpid(shared->orphan, &status, 0) == shared->orphan,
		   "the orphan cannot be waited for");
}

CHECK(.name = "children", .about = "children, living, stopped or dead, stay in the family",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
