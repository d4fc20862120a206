// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory taken from a control group by memory.reclaim: on the swap area, or compressed in memory by zswap. The group
 * keeps its counts and limits, its member its memory.
 */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../region.h"

#define ROOT "/sys/fs/cgroup"
#define ZSWAP "/sys/module/zswap/parameters/enabled"
#define BYTES (4 << 20)
/* Of each page: what is left of it is zero, so that zswap can compress it. */
#define USED 512
#define LIMIT "67108864"

enum order { NOTHING, SPOIL, CHECK_IT };

struct talk {
	volatile uint32_t orders, done;
	volatile enum order order;
	volatile uint32_t pages_wrong;
};

static char group[128];
static struct talk *talk;
static pid_t member;

static const char *no_groups(void)
{
	char text[256];

	if (access(ROOT "/cgroup.controllers", F_OK))
		return "no cgroup2 is mounted at " ROOT;
	if (access(ROOT "/cgroup.procs", W_OK))
		return "the control groups cannot be written";
	return strchr(slurp("/proc/swaps", text, sizeof(text)), '\n') ? NULL : "there is no swap";
}

static const char *no_zswap(void)
{
	if (access(ZSWAP, W_OK))
		return "no zswap in this kernel, or it cannot be switched on";
	return no_groups();
}

static int try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static void write_to(const char *path, const char *text)
{
	if (try_write(path, text))
		check_die("%s: %s", path, strerror(errno));
}

static long long count_of(const char *file)
{
	char text[64];

	return atoll(slurp(check_path(group, file), text, sizeof(text)));
}

static void use_memory(void *unused)
{
	struct region region = {
		must(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
		BYTES,
	};

	(void)unused;
	for (size_t at = 0; at < BYTES; at += PAGE)
		pattern_fill(region.memory + at, USED, check_seed() + at);
	for (;; talk->done++) {
		while (talk->orders == talk->done)
			sleep_ms(5);
		for (size_t at = 0; at < BYTES && talk->order == CHECK_IT; at += PAGE)
			talk->pages_wrong +=
				pattern_differs(region.memory + at, USED, check_seed() + at) >= 0;
		if (talk->order == SPOIL)
			region.memory[BYTES / 2] ^= 1;
	}
}

static void have_member(enum order order)
{
	uint32_t before = talk->done;

	talk->order = order;
	talk->orders++;
	if (!check_grows(&talk->done, before, 20000))
		check_die("the member of the group does not run");
}

static void prepare_member(const char *name)
{
	char number[16];

	/* Refused where it is on already. */
	try_write(ROOT "/cgroup.subtree_control", "+memory");
	snprintf(group, sizeof(group), ROOT "/selfcheck-%s-%d", name, getpid());
	must(mkdir(group, 0755));
	if (access(check_path(group, "memory.reclaim"), F_OK)) {
		rmdir(group);
		check_skip("the memory controller cannot be had, or has no memory.reclaim");
	}
	write_to(check_path(group, "memory.max"), LIMIT);
	talk = check_shared(sizeof(*talk));
	/* What it touches is to be the group's from the start. */
	snprintf(number, sizeof(number), "%d", getpid());
	write_to(check_path(group, "cgroup.procs"), number);
	member = check_fork(use_memory, NULL);
	write_to(ROOT "/cgroup.procs", number);
	have_member(NOTHING);
}

/* It is an error when less can be had than is asked for. */
static void reclaim(void)
{
	try_write(check_path(group, "memory.reclaim"), "3M");
}

static void clean_up(void)
{
	try_write(check_path(group, "cgroup.kill"), "1");
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int tries = 0; tries < 100 && rmdir(group) < 0; tries++)
		sleep_ms(10);
}

static void prepare_swapped(void)
{
	prepare_member("reclaim");
	reclaim();
	if (!count_of("memory.swap.current")) {
		clean_up();
		check_skip("nothing was swapped out");
	}
}

static void prepare_compressed(void)
{
	char before[8];

	slurp(ZSWAP, before, sizeof(before));
	prepare_member("zswap");
	write_to(ZSWAP, "Y");
	reclaim();
	write_to(ZSWAP, before);
	if (!count_of("memory.zswap.current")) {
		clean_up();
		check_skip("nothing was compressed");
	}
}

static void corrupt(void)
{
	have_member(SPOIL);
}

static void verify_member(void)
{
	char text[64];

	slurp(check_path(group, "memory.max"), text, sizeof(text));
	check_that(!strcmp(text, LIMIT), "the limit is %s, not " LIMIT, text);
	have_member(CHECK_IT);
	check_that(!talk->pages_wrong, "%u pages of the group's member differ", talk->pages_wrong);
}

static void verify_swapped(void)
{
	long long before;

	check_that(count_of("memory.swap.current"), "nothing of the group is swapped out any more");
	verify_member();
	before = count_of("memory.current");
	reclaim();
	check_that(count_of("memory.current") < before, "memory.reclaim does nothing any more");
	clean_up();
}

static void verify_compressed(void)
{
	check_that(count_of("memory.zswap.current"), "nothing of the group is compressed any more");
	verify_member();
	clean_up();
}

CHECK(.name = "cgroup-reclaim", .about = "memory reclaimed from a group comes back, its counts stay",
      .missing = no_groups, .prepare = prepare_swapped, .corrupt = corrupt,
      .verify = verify_swapped)

CHECK(.name = "zswap", .about = "memory compressed by zswap comes back", .missing = no_zswap,
      .prepare = prepare_compressed, .corrupt = corrupt, .verify = verify_compressed)
