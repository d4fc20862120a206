// SPDX-License-Identifier: GPL-2.0-only
/* Lets actors loose, ends them, and looks whether the system is as it should be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices.h"
#include "storm.h"

/* Time in which an actor has to come to its end once it is told to. */
#define END_MS_MAX 30000

static volatile sig_atomic_t told;
volatile pid_t *callers;
volatile bool *store_on_disk;

static void on_signal(int number)
{
	if (number == SIGTERM)
		told = 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void perform(const struct actor *actor, uint64_t seed)
{
	/* Not restarted: a system call that a signal interrupts says so. */
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	report_name(actor->name);
	if (actor->may_be_killed)
		write_file("/proc/self/oom_score_adj", "1000");
	chance_seed(seed);
	pause_up_to(actor->pause_us_max);
	while (!told) {
		actor->step();
		pause_up_to(actor->pause_us_max);
	}
	if (actor->end)
		actor->end();
	_exit(0);
}

static void print_file(const char *format, pid_t pid)
{
	char path[64], text[4096];
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), format, (int)pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	got = read(file, text, sizeof(text) - 1);
	close(file);
	if (got > 0)
		fprintf(stderr, "%s:\n%.*s\n", path, (int)got, text);
}

/* Waits for all actors; names those that do not end. */
static void wait_for_all(pid_t *pids, const struct actor *const *who, unsigned int count)
{
	int64_t until = now_ms() + END_MS_MAX;
	unsigned int left = count;

	while (left && now_ms() < until) {
		for (unsigned int i = 0; i < count; i++) {
			int status;

			if (!pids[i] || waitpid(pids[i], &status, WNOHANG) <= 0)
				continue;
			if (!WIFEXITED(status) &&
			    !(WTERMSIG(status) == SIGKILL && who[i]->may_be_killed))
				fail("%s was ended by signal %d", who[i]->name, WTERMSIG(status));
			pids[i] = 0;
			left--;
		}
		usleep(2000);
	}
	for (unsigned int i = 0; left && i < count; i++) {
		if (!pids[i])
			continue;
		fail("%s (pid %d) does not come to its end", who[i]->name, pids[i]);
		print_file("/proc/%d/stack", pids[i]);
		print_file("/proc/%d/status", pids[i]);
	}
}

/* Who plays in this run: the leading actor always, the others by chance. */
static unsigned int cast(const struct actor **who)
{
	unsigned int all = 0, count = 0, wanted;

	while (actors[all])
		all++;
	who[count++] = leading_actor();
	wanted = 3 + chance(5);
	while (count < wanted) {
		const struct actor *actor = actors[1 + chance(all - 1)];
		unsigned int i = 0;

		while (i < count && who[i] != actor)
			i++;
		if (i == count && (has_snapshot() || !actor->calls_snapshot))
			who[count++] = actor;
	}
	return count;
}

#define ONE STORM_DIR "/one"

static void write_one(const char *text)
{
	int file = open(ONE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t length = strlen(text);

	if (file < 0 || write(file, text, length) != length || fsync(file))
		fail("when all is over, a file cannot be written: %s", strerror(errno));
	close(file);
}

static void read_one(const char *wanted)
{
	char text[16] = "";
	int file = open(ONE, O_RDONLY | O_CLOEXEC);

	if (file < 0 || read(file, text, sizeof(text) - 1) < 0 || strcmp(text, wanted))
		fail("when all is over, a file holds '%s', not '%s'", text, wanted);
	close(file);
}

/* Each substitute is a device of its own. */
static unsigned int mapped_devices(void)
{
	DIR *all = opendir("/sys/block");
	const struct dirent *entry;
	unsigned int count = 0;

	if (!all)
		die("/sys/block: %s", strerror(errno));
	while ((entry = readdir(all)))
		count += !strncmp(entry->d_name, "dm-", 3);
	closedir(all);
	return count;
}

/* The system is left alone now: it must hibernate and come back. */
static void hibernate_once(void)
{
	/* EBUSY: it is in use already. */
	if (swapon("/dev/sdb2", 0) && errno != EBUSY)
		fail("when all is over, swap cannot be used: %s", strerror(errno));
	write_one("before");
	if (hibernate())
		fail("when all is over, hibernation fails: %s", strerror(errno));
	read_one("before");
}

/*
 * The system is left alone now: a snapshot must succeed, give all of its image, and end in whatever way. What the live
 * timeline has written is there after a commit, and not after a rollback or a resume.
 */
static void snapshot_once(void)
{
	unsigned int before = mapped_devices(), after;
	struct snapshot_info info;
	int image, result;

	write_one("before");
	result = snapshot(0, &image);
	if (result == 1 && came_back()) {
		/* An older live timeline may have been merged meanwhile. */
		after = mapped_devices();
		if (after > before)
			fail("%u mapped devices of the live timeline are there after it", after - before);
		ballast_check();
		return read_one("before");
	}
	if (result) {
		fail("when all is over, a snapshot fails: %s",
		     result < 0 ? strerror(errno) : "not the live timeline");
		return;
	}
	if (!snapshot_info(image, &info) ||
	    image_read(image, UINT64_MAX, 1 << 20) != info.image_bytes)
		fail("when all is over, the image of a snapshot cannot be read");
	write_one("after");
	ballast_rewrite();
	end_by_chance(image);
	read_one("after");
}

int storm_run(uint64_t seed, unsigned int ms)
{
	const struct actor *who[ACTORS_MAX];
	pid_t pids[ACTORS_MAX];
	char names[256] = "";
	const char *order;
	unsigned int count;

	chance_seed(seed);
	callers = mmap(NULL, sizeof(pid_t) * CALLERS_MAX + 1, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((void *)callers == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	store_on_disk = (volatile bool *)(callers + CALLERS_MAX);
	ballast_open();
	write_file("/proc/self/oom_score_adj", "-1000");
	write_file("/sys/power/pm_freeze_timeout", "2000");
	order = chance_in(2) ? "filesystems-first" : "tasks-first";
	if (has_snapshot())
		write_file("/sys/kernel/snapshot/freeze_order", order);
	count = cast(who);
	for (unsigned int i = 0; i < count; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 i ? ", " : "", who[i]->name);
	/* Before the first snapshot: going back to that would say it again. */
	printf("seed %llu: %s\n", (unsigned long long)seed, names);
	for (unsigned int i = 0; i < count; i++) {
		pids[i] = must(fork());
		if (!pids[i])
			perform(who[i], seed * 64 + i);
	}
	usleep(ms * 1000);
	for (unsigned int i = 0; i < count; i++) {
		/* Once is not enough for one that is about to fall asleep. */
		kill(pids[i], SIGCONT);
		kill(pids[i], SIGTERM);
	}
	wait_for_all(pids, who, count);
	if (!has_failed()) {
		devices_check();
		if (has_snapshot())
			snapshot_once();
		else
			hibernate_once();
	}
	if (has_failed())
		report_print();
	return has_failed();
}
