// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process in namespaces of its own: the same ones as before, with its host name, mounts, process
 * ids, clock and network.
 */
#include "../check.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOCK_AHEAD_SECONDS 5000
#define KINDS                                                                      \
	(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static const char *const names[] = { "uts", "ipc", "mnt", "pid", "net", "cgroup", "time", "user" };

#define NAMES ((int)(sizeof(names) / sizeof(*names)))

struct view {
	char links[NAMES][64];
	char host_name[65];
	int pid;
	int mounted;
	int lo_up;
	int64_t clock_ns;
};

struct shared {
	struct view first, now;
	volatile uint32_t looked;
	volatile uint32_t asked;
	volatile uint32_t spoil;
};

static struct shared *shared;
static char mount_point[512];

static const char *missing(void)
{
	char path[64];

	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (access(path, F_OK))
			return "not all kinds of namespaces in this kernel";
	}
	return geteuid() ? "namespaces need root" : NULL;
}

static int lo_flags(unsigned int set)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0));

	must(ioctl(fd, SIOCGIFFLAGS, &request));
	if (set) {
		request.ifr_flags |= set;
		must(ioctl(fd, SIOCSIFFLAGS, &request));
	}
	close(fd);
	return request.ifr_flags;
}

static void look(struct view *view)
{
	char path[64], contents[16];

	memset(view, 0, sizeof(*view));
	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		must(readlink(path, view->links[i], sizeof(view->links[i]) - 1));
	}
	must(gethostname(view->host_name, sizeof(view->host_name)));
	view->pid = getpid();
	view->mounted =
		access(check_path(mount_point, "inside"), F_OK) == 0 &&
		!strcmp(slurp(check_path(mount_point, "inside"), contents, sizeof(contents)),
			"hidden");
	view->lo_up = (lo_flags(0) & IFF_UP) != 0;
	view->clock_ns = clock_ns(CLOCK_MONOTONIC);
}

static void live_inside(void *unused)
{
	int fd;

	(void)unused;
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	/* /proc must be of the new process ids, or /proc/self leads nowhere. */
	must(mount("proc", "/proc", "proc", 0, NULL));
	must(mount("tmpfs", mount_point, "tmpfs", 0, NULL));
	fd = must(open(check_path(mount_point, "inside"), O_WRONLY | O_CREAT, 0600));
	write_all(fd, "hidden", 6);
	close(fd);
	must(sethostname("inside", 6));
	lo_flags(IFF_UP);
	look(&shared->first);
	for (shared->looked = 1;; sleep_ms(5)) {
		if (!shared->asked)
			continue;
		if (shared->spoil)
			must(sethostname("spoilt", 6));
		shared->asked = 0;
		look(&shared->now);
		shared->looked++;
	}
}

static void enter(void *unused)
{
	char offset[64];
	int fd;

	must(unshare(KINDS));
	/* Before the first process is in it. */
	fd = must(open("/proc/self/timens_offsets", O_WRONLY));
	write_all(fd, offset,
		  snprintf(offset, sizeof(offset), "monotonic %d 0", CLOCK_AHEAD_SECONDS));
	close(fd);
	/* The new process ids are for children. */
	if (must(fork()) == 0) {
		live_inside(unused);
		_exit(0);
	}
	sleep_ms(1000000000);
}

static void prepare(void)
{
	shared = check_shared(sizeof(*shared));
	snprintf(mount_point, sizeof(mount_point), "%s", check_ram_dir());
	check_fork(enter, NULL);
	if (!check_grows(&shared->looked, 0, 10000))
		check_die("nobody lives in the namespaces");
}

static void corrupt(void)
{
	shared->spoil = 1;
}

static void verify(void)
{
	int64_t ahead_ms;
	char own[64] = "";

	shared->asked = 1;
	if (!check_grows(&shared->looked, shared->looked, 10000)) {
		check_fail("nobody answers from the namespaces");
		return;
	}
	for (int i = 0; i < NAMES; i++)
		check_that(!strcmp(shared->first.links[i], shared->now.links[i]),
			   "the namespace was %s and is %s", shared->first.links[i],
			   shared->now.links[i]);
	must(readlink("/proc/self/ns/net", own, sizeof(own) - 1));
	check_that(strcmp(own, shared->now.links[4]), "the network namespace is not apart");
	check_that(!strcmp(shared->now.host_name, "inside"), "the host name is '%s'",
		   shared->now.host_name);
	check_that(shared->now.pid == 1, "the process id inside is %d", shared->now.pid);
	check_that(shared->now.mounted, "the mount inside is lost");
	check_that(access(check_path(mount_point, "inside"), F_OK) < 0,
		   "the mount inside is seen outside");
	check_that(shared->now.lo_up, "the network inside is down");
	ahead_ms = (shared->now.clock_ns - clock_ns(CLOCK_MONOTONIC)) / 1000000 -
		   CLOCK_AHEAD_SECONDS * 1000;
	check_that(ahead_ms > -5000 && ahead_ms < 5000, "the clock inside is off by %lld ms",
		   (long long)ahead_ms);
}

CHECK(.name = "namespaces",
      .about = "a process stays in its namespaces, and they stay as they were", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
