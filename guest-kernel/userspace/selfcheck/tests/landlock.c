// SPDX-License-Identifier: GPL-2.0-only
/* A process that has given up rights by Landlock: it does not get them back, nor do its children. */
#include "../check.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
	volatile uint32_t rounds;
	/* What open() answers for each file, and in a child for the second. */
	volatile int inside, outside, child_outside;
};

static struct seen *seen;
static const char *folder, *inside, *outside;
static pid_t restricted;
static bool unrestricted;

static const char *missing(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 0)
		return NULL;
	return "no Landlock in this kernel, or it is off";
}

static void restrict_to(const char *path)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE };
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = must(open(path, O_PATH | O_CLOEXEC)),
	};
	int set = must(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0));

	must(syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_landlock_restrict_self, set, 0));
	close(beneath.parent_fd);
	close(set);
}

static int errno_of_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void live_restricted(void *unused)
{
	(void)unused;
	if (!unrestricted)
		restrict_to(folder);
	for (;; check_pause()) {
		seen->inside = errno_of_open(inside);
		seen->outside = errno_of_open(outside);
		if (check_told()) {
			int status;
			pid_t pid = must(fork());

			if (pid == 0)
				_exit(errno_of_open(outside));
			must(waitpid(pid, &status, 0));
			seen->child_outside = WEXITSTATUS(status);
		}
		seen->rounds++;
	}
}

static void prepare(void)
{
	static char kept[3][512];

	folder = strcpy(kept[0], check_path(check_ram_dir(), "allowed"));
	must(mkdir(folder, 0700));
	inside = strcpy(kept[1], check_path(folder, "file"));
	outside = strcpy(kept[2], check_path(check_ram_dir(), "file"));
	close(must(open(inside, O_WRONLY | O_CREAT, 0600)));
	close(must(open(outside, O_WRONLY | O_CREAT, 0600)));
	seen = check_shared(sizeof(*seen));
	restricted = check_fork(live_restricted, NULL);
	if (!check_grows(&seen->rounds, 1, 10000))
		check_die("the restricted process does not run");
}

static void corrupt(void)
{
	kill(restricted, SIGKILL);
	unrestricted = true;
	check_fork(live_restricted, NULL);
}

static void verify(void)
{
	check_that(check_grows(&seen->rounds, seen->rounds + 3, 10000),
		   "the restricted process does not run");
	check_that(!seen->inside, "what is allowed answers '%s'", strerror(seen->inside));
	check_that(seen->outside == EACCES, "what is not allowed answers '%s'",
		   strerror(seen->outside));
	check_that(seen->child_outside == EACCES, "in a child, what is not allowed answers '%s'",
		   strerror(seen->child_outside));
}

CHECK(.name = "landlock", .about = "rights given up by Landlock stay given up", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
