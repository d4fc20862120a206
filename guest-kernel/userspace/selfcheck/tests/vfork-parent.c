// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parent in vfork sleeps uninterruptibly until its child has gone: it still does, and then goes
 * on.
 */
#include "../check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t *child;
static volatile uint32_t *gone_on;
static pid_t parent;

static void vfork_and_wait(void *unused)
{
	pid_t pid = vfork();

	(void)unused;
	if (pid == 0) {
		*child = getpid();
		for (;;)
			pause();
	}
	*gone_on = 1;
	sleep_ms(100000);
}

/* The process's state letter. */
static char state_of(pid_t pid)
{
	char path[64], text[1024];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	end = strrchr(slurp(path, text, sizeof(text)), ')');
	return end ? end[2] : '?';
}

static void prepare(void)
{
	child = check_shared(4096);
	gone_on = check_shared(4096);
	parent = check_fork(vfork_and_wait, NULL);
	for (int waited = 0; !*child && waited < check_bound_ms(10000); waited += 5)
		sleep_ms(5);
	if (!*child)
		check_die("the child of vfork does not run");
}

static void corrupt(void)
{
	must(kill(*child, SIGKILL));
	check_grows(gone_on, 0, 5000);
}

static void verify(void)
{
	check_that(!*gone_on, "the parent went on while its child lived");
	check_that(state_of(parent) == 'D', "the parent is in state %c, not D", state_of(parent));
	kill(*child, SIGKILL);
	check_that(check_grows(gone_on, 0, 5000),
		   "the parent does not go on after its child has gone");
}

CHECK(.name = "vfork-parent", .about = "a parent asleep in vfork sleeps on until its child goes",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
