// SPDX-License-Identifier: GPL-2.0-only
/*
 * A traced child, stopped: its registers and memory, and that it goes on when its tracer lets it.
 */
#include "../check.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static volatile long word = 0x12345678;
static struct user_regs_struct registers;

static void be_traced(void *unused)
{
	(void)unused;
	must(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	raise(SIGSTOP);
	_exit(word == 0x0badcafe ? 17 : 18);
}

static void prepare(void)
{
	int status;

	child = check_fork(be_traced, NULL);
	must(waitpid(child, &status, 0));
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
		check_die("the child did not stop");
	must(ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACEEXIT));
	must(ptrace(PTRACE_GETREGS, child, NULL, &registers));
	must(ptrace(PTRACE_POKEDATA, child, (void *)&word, (void *)0x0badcafe));
}

static void corrupt(void)
{
	must(ptrace(PTRACE_POKEDATA, child, (void *)&word, (void *)0x0badc0de));
}

static void verify(void)
{
	struct user_regs_struct now;
	int status;

	check_that(must(waitpid(child, &status, WNOHANG)) == 0, "the child has moved");
	must(ptrace(PTRACE_GETREGS, child, NULL, &now));
	check_that(!memcmp(&now, &registers, sizeof(now)), "the child's registers differ");
	errno = 0;
	check_that(ptrace(PTRACE_PEEKDATA, child, (void *)&word, NULL) == 0x0badcafe && !errno,
		   "the child's memory differs");
	must(ptrace(PTRACE_CONT, child, NULL, NULL));
	must(waitpid(child, &status, 0));
	check_that(WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8),
		   "the tracer does not see the child's exit (status 0x%x)", status);
	must(ptrace(PTRACE_CONT, child, NULL, NULL));
	must(waitpid(child, &status, 0));
	check_that(WIFEXITED(status) && WEXITSTATUS(status) == 17,
		   "the child ends with status 0x%x", status);
}

CHECK(.name = "ptrace", .about = "a traced child stays stopped, and in its tracer's hands",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
