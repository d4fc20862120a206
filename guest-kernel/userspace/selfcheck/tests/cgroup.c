// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control groups: who is in, the limit in force, and a frozen group, which a suspend's own thawing
 * must not thaw.
 */
#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

static char limited[128], frozen[128];
static volatile uint32_t *beats, *forks_refused;
static pid_t member, sleeper;

static const char *missing(void)
{
	if (access(ROOT "/cgroup.controllers", F_OK))
		return "no cgroup2 is mounted at " ROOT;
	return access(ROOT "/cgroup.procs", W_OK) ? "the control groups cannot be written" : NULL;
}

static int try_write(const char *dir, const char *file, const char *text)
{
	int fd = open(check_path(dir, file), O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static void write_to(const char *dir, const char *file, const char *text)
{
	if (try_write(dir, file, text))
		check_die("%s/%s: %s", dir, file, strerror(errno));
}

static void make_group(char *path, size_t size, const char *name)
{
	snprintf(path, size, ROOT "/selfcheck-%s-%d", name, getpid());
	must(mkdir(path, 0755));
}

static void join(const char *dir, pid_t pid)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	write_to(dir, "cgroup.procs", number);
}

static void beat(void *unused)
{
	(void)unused;
	for (;; sleep_ms(5))
		++*beats;
}

static void hit_the_limit(void *unused)
{
	(void)unused;
	while (!check_told())
		sleep_ms(5);
	/* The limit is this process and one more. */
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		if (pid < 0 && errno == EAGAIN)
			*forks_refused += 1;
	}
	*forks_refused += 1;
	sleep_ms(100000);
}

static bool is_frozen(void)
{
	char events[256];

	return strstr(slurp(check_path(frozen, "cgroup.events"), events, sizeof(events)),
		      "frozen 1") != NULL;
}

static void prepare(void)
{
	/* Refused where somebody else sees to it, or where it is on already. */
	try_write(ROOT, "cgroup.subtree_control", "+pids");
	beats = check_shared(4096);
	forks_refused = check_shared(4096);
	make_group(limited, sizeof(limited), "limited");
	if (access(check_path(limited, "pids.max"), F_OK)) {
		rmdir(limited);
		check_skip("the controller of process counts cannot be had");
	}
	make_group(frozen, sizeof(frozen), "frozen");
	write_to(limited, "pids.max", "2");
	member = check_fork(hit_the_limit, NULL);
	join(limited, member);
	sleeper = check_fork(beat, NULL);
	join(frozen, sleeper);
	check_grows(beats, 1, 5000);
	write_to(frozen, "cgroup.freeze", "1");
	for (int waited = 0; !is_frozen() && waited < check_bound_ms(5000); waited += 5)
		sleep_ms(5);
	if (!is_frozen())
		check_die("the group does not freeze");
}

static void corrupt(void)
{
	write_to(frozen, "cgroup.freeze", "0");
	check_grows(beats, *beats, 2000);
}

static void clean_up(void)
{
	write_to(frozen, "cgroup.kill", "1");
	write_to(limited, "cgroup.kill", "1");
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int tries = 0; tries < 100 && (rmdir(frozen) + rmdir(limited)) < 0; tries++)
		sleep_ms(10);
}

static void verify(void)
{
	char path[64], group[256], expected[256];
	uint32_t before = *beats;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", member);
	snprintf(expected, sizeof(expected), "%s\n", limited + strlen(ROOT));
	slurp(path, group, sizeof(group));
	check_that(strstr(group, limited + strlen(ROOT)), "the member is in '%s', not in '%s'",
		   group, limited);
	sleep_ms(100);
	check_that(is_frozen() && *beats == before, "the frozen group runs");
	check_grows(forks_refused, 1, 5000);
	check_that(*forks_refused == 2, "%d forks were refused, not 1", (int)*forks_refused - 1);
	write_to(frozen, "cgroup.freeze", "0");
	check_that(check_grows(beats, before, 5000), "the group does not thaw");
	clean_up();
}

CHECK(.name = "cgroup", .about = "groups keep members, limits, and frozen ones frozen",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
