// SPDX-License-Identifier: GPL-2.0-only
/* A process under a seccomp filter: the filter stays in force, and is handed on to children. */
#include "../check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the filter answers to getpriority. */
#define ANSWER EXFULL

struct seen {
	volatile uint32_t rounds;
	volatile int last;
	volatile int in_child;
	volatile int mode, no_new_privs;
};

static struct seen *seen;
static pid_t filtered;
static bool without_filter;

static const char *missing(void)
{
	return prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL ? "no seccomp in this kernel" : NULL;
}

static void install_filter(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ANSWER),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(program) / sizeof(*program), .filter = program };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

static int errno_of_getpriority(void)
{
	errno = 0;
	syscall(SYS_getpriority, 0, 0);
	return errno;
}

static void live_filtered(void *unused)
{
	(void)unused;
	if (!without_filter)
		install_filter();
	for (;;) {
		int status;
		pid_t pid;

		seen->last = errno_of_getpriority();
		if (seen->last != ANSWER && !without_filter)
			check_die("the filter let a call through (%s)", strerror(seen->last));
		seen->mode = prctl(PR_GET_SECCOMP);
		seen->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
		if (check_told()) {
			pid = must(fork());
			if (pid == 0)
				_exit(errno_of_getpriority());
			must(waitpid(pid, &status, 0));
			seen->in_child = WEXITSTATUS(status);
		}
		seen->rounds++;
		check_pause();
	}
}

static void prepare(void)
{
	seen = check_shared(sizeof(*seen));
	filtered = check_fork(live_filtered, NULL);
	if (!check_grows(&seen->rounds, 1, 10000))
		check_die("the filtered process does not run");
}

static void corrupt(void)
{
	kill(filtered, SIGKILL);
	without_filter = true;
	check_fork(live_filtered, NULL);
}

static void verify(void)
{
	check_that(check_grows(&seen->rounds, seen->rounds + 3, 10000),
		   "the filtered process does not run");
	check_that(seen->last == ANSWER, "a filtered call answers '%s'", strerror(seen->last));
	check_that(seen->in_child == ANSWER, "in a child, a filtered call answers '%s'",
		   strerror(seen->in_child));
	check_that(seen->mode == SECCOMP_MODE_FILTER, "seccomp is in mode %d", seen->mode);
	check_that(seen->no_new_privs == 1, "no_new_privs is lost");
}

CHECK(.name = "seccomp", .about = "a seccomp filter stays in force", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
