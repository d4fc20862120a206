// SPDX-License-Identifier: GPL-2.0-only
/*
 * What belongs to a process: folder, mask, limits, credentials, scheduling, and its settings by
 * prctl.
 */
#include "../check.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[512];

static void prepare_folder(void)
{
	snprintf(folder, sizeof(folder), "%s", check_path(check_disk_dir(), "here"));
	must(mkdir(folder, 0755));
	must(chdir(folder));
	umask(0137);
}

static void corrupt_folder(void)
{
	must(chdir(".."));
}

static void verify_folder(void)
{
	char now[512];
	struct stat status;
	int fd;

	check_that(getcwd(now, sizeof(now)) && !strcmp(now, folder), "the folder is '%s', not '%s'",
		   now, folder);
	fd = must(open("made-later", O_WRONLY | O_CREAT, 0777));
	must(fstat(fd, &status));
	check_that((status.st_mode & 0777) == (0777 & ~0137), "a new file has mode %o",
		   status.st_mode & 0777);
	check_that(umask(0) == 0137, "the mask differs");
}

static struct rlimit limits[RLIM_NLIMITS];

static void prepare_limits(void)
{
	static const int lowered[] = { RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_STACK, RLIMIT_FSIZE,
				       RLIMIT_RTTIME };

	for (size_t i = 0; i < sizeof(lowered) / sizeof(*lowered); i++) {
		struct rlimit limit;

		must(getrlimit(lowered[i], &limit));
		limit.rlim_cur = 100 + i;
		must(setrlimit(lowered[i], &limit));
	}
	for (int i = 0; i < RLIM_NLIMITS; i++)
		must(getrlimit(i, &limits[i]));
}

static void corrupt_limits(void)
{
	struct rlimit limit = { .rlim_cur = 101, .rlim_max = limits[RLIMIT_NOFILE].rlim_max };

	must(setrlimit(RLIMIT_NOFILE, &limit));
}

static void verify_limits(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit now;

		must(getrlimit(i, &now));
		check_that(now.rlim_cur == limits[i].rlim_cur && now.rlim_max == limits[i].rlim_max,
			   "limit %d is %llu of %llu, not %llu of %llu", i,
			   (unsigned long long)now.rlim_cur, (unsigned long long)now.rlim_max,
			   (unsigned long long)limits[i].rlim_cur,
			   (unsigned long long)limits[i].rlim_max);
	}
	check_that(must(dup(0)) < 100 && fcntl(0, F_DUPFD, 100) < 0 && errno == EINVAL,
		   "the limit on descriptors is not in force");
}

struct credentials {
	uid_t uids[3];
	gid_t gids[3];
	gid_t groups[3];
	int group_count, secure_bits;
	struct __user_cap_data_struct capabilities[2];
};

static struct credentials credentials;

static const char *not_root(void)
{
	return geteuid() ? "needs root" : NULL;
}

static void read_credentials(struct credentials *into)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	memset(into, 0, sizeof(*into));
	must(getresuid(&into->uids[0], &into->uids[1], &into->uids[2]));
	must(getresgid(&into->gids[0], &into->gids[1], &into->gids[2]));
	into->group_count = must(getgroups(3, into->groups));
	into->secure_bits = must(prctl(PR_GET_SECUREBITS));
	must(syscall(SYS_capget, &head, into->capabilities));
}

static void prepare_credentials(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct few[2] = { { 0 } };
	gid_t groups[3] = { 7001, 7002, 7003 };

	must(setgroups(3, groups));
	must(prctl(PR_SET_KEEPCAPS, 1));
	must(setresgid(7004, 7005, 7006));
	must(setresuid(7007, 7008, 7009));
	few[0].permitted = few[0].effective = 1 << CAP_SYS_NICE | 1 << CAP_KILL;
	few[0].inheritable = 1 << CAP_KILL;
	must(syscall(SYS_capset, &head, few));
	read_credentials(&credentials);
}

static void corrupt_credentials(void)
{
	must(setresuid(-1, 7009, -1));
}

static void verify_credentials(void)
{
	struct credentials now;

	read_credentials(&now);
	check_that(!memcmp(now.uids, credentials.uids, sizeof(now.uids)),
		   "the user ids are %d, %d, %d", now.uids[0], now.uids[1], now.uids[2]);
	check_that(!memcmp(&now, &credentials, sizeof(now)), "the credentials differ");
	check_that(chown("/", 0, 0) < 0 && errno == EPERM,
		   "a capability that was given up is back");
}

static void prepare_scheduling(void)
{
	struct sched_param real_time = { .sched_priority = 5 };
	cpu_set_t set;

	must(setpriority(PRIO_PROCESS, 0, 13));
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	must(sched_setaffinity(0, sizeof(set), &set));
	must(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
	must(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &real_time));
}

static void corrupt_scheduling(void)
{
	struct sched_param real_time = { .sched_priority = 6 };

	must(sched_setparam(0, &real_time));
}

static void verify_scheduling(void)
{
	struct sched_param param;
	cpu_set_t set;

	must(sched_getparam(0, &param));
	check_that(must(sched_getscheduler(0)) == (SCHED_RR | SCHED_RESET_ON_FORK) &&
			   param.sched_priority == 5,
		   "the policy is 0x%x with priority %d", sched_getscheduler(0),
		   param.sched_priority);
	check_that(getpriority(PRIO_PROCESS, 0) == 13, "the nice value is %d",
		   getpriority(PRIO_PROCESS, 0));
	must(sched_getaffinity(0, sizeof(set), &set));
	check_that(CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set), "the processors allowed differ");
	check_that(must(syscall(SYS_ioprio_get, 1, 0)) == (2 << 13 | 6),
		   "the priority of its I/O differs");
}

struct settings {
	char name[16];
	int death_signal, dumpable, subreaper, slack, thp, oom_score;
};

static struct settings settings;

static void read_settings(struct settings *into)
{
	char text[32];

	memset(into, 0, sizeof(*into));
	must(prctl(PR_GET_NAME, into->name));
	must(prctl(PR_GET_PDEATHSIG, &into->death_signal));
	must(prctl(PR_GET_CHILD_SUBREAPER, &into->subreaper));
	into->dumpable = must(prctl(PR_GET_DUMPABLE));
	into->slack = must(prctl(PR_GET_TIMERSLACK));
	into->thp = must(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	into->oom_score = atoi(slurp("/proc/self/oom_score_adj", text, sizeof(text)));
}

static void prepare_settings(void)
{
	int fd = must(open("/proc/self/oom_score_adj", O_WRONLY));

	write_all(fd, "321", 3);
	close(fd);
	must(prctl(PR_SET_NAME, "a name of its o"));
	must(prctl(PR_SET_PDEATHSIG, 23));
	must(prctl(PR_SET_CHILD_SUBREAPER, 1));
	must(prctl(PR_SET_DUMPABLE, 0));
	must(prctl(PR_SET_TIMERSLACK, 123456));
	must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	/* Not dumpable, it cannot read its own /proc files unless it is root; then it can. */
	read_settings(&settings);
	check_that(settings.slack == 123456 && settings.oom_score == 321,
		   "the settings were not taken");
}

static void corrupt_settings(void)
{
	must(prctl(PR_SET_TIMERSLACK, 123457));
}

static void verify_settings(void)
{
	struct settings now;

	read_settings(&now);
	check_that(!strcmp(now.name, settings.name), "the name is '%s'", now.name);
	check_that(
		!memcmp(&now, &settings, sizeof(now)),
		"death signal %d, dumpable %d, subreaper %d, slack %d, no huge pages %d, OOM score %d differ from before",
		now.death_signal, now.dumpable, now.subreaper, now.slack, now.thp, now.oom_score);
}

CHECK(.name = "folder", .about = "the working folder and the mask of modes stay",
      .prepare = prepare_folder, .corrupt = corrupt_folder, .verify = verify_folder)
CHECK(.name = "limits", .about = "the limits on resources stay", .prepare = prepare_limits,
      .corrupt = corrupt_limits, .verify = verify_limits)
CHECK(.name = "credentials", .about = "user, groups and capabilities stay", .missing = not_root,
      .prepare = prepare_credentials, .corrupt = corrupt_credentials, .verify = verify_credentials)
CHECK(.name = "scheduling", .about = "policy, priorities and processors allowed stay",
      .missing = not_root, .prepare = prepare_scheduling, .corrupt = corrupt_scheduling,
      .verify = verify_scheduling)
CHECK(.name = "settings", .about = "name, death signal and other settings stay",
      .missing = not_root, .prepare = prepare_settings, .corrupt = corrupt_settings,
      .verify = verify_settings)
