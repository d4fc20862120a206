// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory alone: threads on every processor do to their memory whatever memory management knows to do, while
 * snapshots are taken one after the other. They know at any time what their memory must hold, and so does whoever
 * reads the images.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "marks.h"
#include "region.h"
#include "storm.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define PROCESSORS_MAX 8
/* Processes, each with a thread for every processor. */
#define TEAMS	       2
#define THREADS_MAX    (TEAMS * PROCESSORS_MAX)
/* Real work between two snapshots, and while one is in memory. */
#define PAUSE_US_MAX   200000
/* So many snapshots may fail for want of memory, one after the other. */
#define FAILURES_MAX   20
/* Of its parent's memory, what a child looks at and makes its own. */
#define CHILDS_PAGES   64

struct worker {
	pthread_t thread;
	uint64_t seed;
	struct region_memory region;
	/* For direct I/O. */
	int file;
	uint8_t *block;
};

/* In shared memory, since there are several processes. */
struct shared {
	volatile bool over;
	volatile uint64_t steps;
	struct region_model models[THREADS_MAX * REGION_MODELS] __attribute__((aligned(4096)));
};

static struct shared *shared;
static unsigned int processors;
static volatile sig_atomic_t told;

static void on_signal(int number)
{
	(void)number;
	told = 1;
}

static unsigned int any_page(void)
{
	return chance(REGION_PAGES);
}

/* A run of pages, now and then a large page. */
static unsigned int any_run(unsigned int *first)
{
	if (chance_in(4)) {
		*first = chance(2) * REGION_MODEL_PAGES;
		return REGION_MODEL_PAGES;
	}
	*first = any_page();
	return 1 + chance(REGION_PAGES - *first < 64 ? REGION_PAGES - *first : 64);
}

static void write_some(struct worker *worker)
{
	unsigned int first, count = any_run(&first);

	for (unsigned int i = 0; i < count; i++)
		region_write(&worker->region, first + i);
}

static void check_some(struct worker *worker)
{
	unsigned int first, count = any_run(&first);

	for (unsigned int i = 0; i < count; i++)
		region_check(&worker->region, first + i);
}

static void set_states(struct worker *worker, unsigned int first, unsigned int count, uint8_t state)
{
	for (unsigned int i = 0; i < count; i++)
		region_set_state(&worker->region, first + i, state);
}

static int advise(struct worker *worker, unsigned int first, unsigned int count, int advice)
{
	return madvise(region_page(&worker->region, first), count * REGION_PAGE, advice);
}

static void give_up(struct worker *worker)
{
	unsigned int first, count = any_run(&first);
	bool lazily = chance_in(2);

	set_states(worker, first, count, PAGE_BUSY);
	must(advise(worker, first, count, lazily ? MADV_FREE : MADV_DONTNEED));
	set_states(worker, first, count, lazily ? PAGE_FREED : PAGE_EMPTY);
	if (chance_in(2))
		for (unsigned int i = 0; i < count; i++)
			region_write(&worker->region, first + i);
}

/* Huge pages, small pages, merging, swap: what becomes of it is up to the kernel, and not to be seen. */
static void advise_some(struct worker *worker)
{
	static const int advices[] = { MADV_HUGEPAGE,	MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_MERGEABLE,
				       MADV_UNMERGEABLE, MADV_COLD,	 MADV_PAGEOUT };
	int advice = advices[chance(sizeof(advices) / sizeof(*advices))];
	unsigned int first, count = any_run(&first);

	if (advice == MADV_COLLAPSE)
		advise(worker, 0, REGION_PAGES, MADV_HUGEPAGE);
	/* Not every kernel has all of it, and memory may be short. */
	if (advise(worker, first, count, advice))
		note("madvise %d: %s", advice, strerror(errno));
}

static void protect_some(struct worker *worker)
{
	unsigned int first, count = any_run(&first);
	uint8_t *at = region_page(&worker->region, first);

	must(mprotect(at, count * REGION_PAGE, chance_in(2) ? PROT_READ : PROT_NONE));
	pause_up_to(2000);
	must(mprotect(at, count * REGION_PAGE, PROT_READ | PROT_WRITE));
	for (unsigned int i = 0; i < count; i++)
		region_check(&worker->region, first + i);
}

static void move(struct worker *worker)
{
	uint8_t *to = must(mmap(NULL, 2 * REGION_BYTES, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	size_t align = REGION_BYTES / 2;
	/* Where tables can be moved as a whole, or anywhere. */
	uint8_t *begin = chance_in(2) ?
				 (uint8_t *)(((uintptr_t)to + align - 1) & ~(uintptr_t)(align - 1)) :
				 to + chance(REGION_PAGES) * REGION_PAGE;
	uint8_t *end = begin + REGION_BYTES, *to_end = to + 2 * REGION_BYTES;

	if (mremap(worker->region.bytes, REGION_BYTES, REGION_BYTES,
		   MREMAP_MAYMOVE | MREMAP_FIXED, begin) != MAP_FAILED) {
		worker->region.bytes = begin;
	} else if (errno != EFAULT) {
		note("mremap: %s", strerror(errno));
		must(munmap(begin, REGION_BYTES));
	} else {
		/*
		 * The region consists of several mappings because of what was advised. The kernel finds that when it
		 * has unmapped the target, where another thread may have something by now.
		 */
		note("not moved");
	}
	if (begin > to)
		must(munmap(to, begin - to));
	must(munmap(end, to_end - end));
}

static void lock_some(struct worker *worker)
{
	unsigned int first, count = any_run(&first);
	uint8_t *at = region_page(&worker->region, first);

	if (mlock(at, count * REGION_PAGE))
		return;
	for (unsigned int i = 0; i < count; i += 7)
		region_write(&worker->region, first + i);
	pause_up_to(2000);
	must(munlock(at, count * REGION_PAGE));
}

/* The other threads write meanwhile, to what the child has of them, too. */
static void fork_some(struct worker *worker)
{
	uint32_t counts[CHILDS_PAGES];
	uint8_t states[CHILDS_PAGES];
	unsigned int first = chance(REGION_PAGES - CHILDS_PAGES);
	pid_t child;
	int status;

	for (unsigned int i = 0; i < CHILDS_PAGES; i++) {
		counts[i] = *region_count(&worker->region, first + i);
		states[i] = region_state(&worker->region, first + i);
	}
	child = fork();
	if (child < 0) {
		note("fork: %s", strerror(errno));
		return;
	}
	if (!child) {
		for (unsigned int i = 0; i < CHILDS_PAGES; i++) {
			region_check_as(&worker->region, first + i, counts[i], states[i]);
			region_take_over(&worker->region, first + i);
		}
		_exit(0);
	}
	write_some(worker);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) && WTERMSIG(status) != SIGKILL)
		fail("a child was ended by signal %d", WTERMSIG(status));
	check_some(worker);
}

/* The device reads pages and writes to them, which are pinned for it. */
static void transfer(struct worker *worker)
{
	unsigned int page = any_page(), count = 1 + chance(8);
	size_t bytes;

	if (count > REGION_PAGES - page)
		count = REGION_PAGES - page;
	bytes = count * REGION_PAGE;
	for (unsigned int i = 0; i < count; i++)
		region_write(&worker->region, page + i);
	if (pwrite(worker->file, region_page(&worker->region, page), bytes, 0) != (ssize_t)bytes) {
		note("direct write: %s", strerror(errno));
		return;
	}
	set_states(worker, page, count, PAGE_BUSY);
	memset(region_page(&worker->region, page), 0, bytes);
	if (pread(worker->file, region_page(&worker->region, page), bytes, 0) != (ssize_t)bytes)
		for (unsigned int i = 0; i < count; i++)
			region_write(&worker->region, page + i);
	set_states(worker, page, count, 0);
	for (unsigned int i = 0; i < count; i++)
		region_check(&worker->region, page + i);
}

/* A pipe refers to the page, which nobody writes to meanwhile. */
static void lend(struct worker *worker)
{
	unsigned int page = any_page();
	struct iovec part = { region_page(&worker->region, page), REGION_PAGE };
	uint8_t *copy = worker->block;
	int ends[2];

	region_write(&worker->region, page);
	must(pipe2(ends, O_CLOEXEC));
	if (vmsplice(ends[1], &part, 1, 0) == REGION_PAGE) {
		pause_up_to(3000);
		if (read(ends[0], copy, REGION_PAGE) != REGION_PAGE ||
		    memcmp(copy, part.iov_base, REGION_PAGE))
			fail("what lay in a pipe is not page %u of region %u", page,
			     worker->region.number);
	}
	close(ends[0]);
	close(ends[1]);
}

static void go_elsewhere(void)
{
	cpu_set_t where;

	CPU_ZERO(&where);
	CPU_SET(chance(processors), &where);
	/* That processor may be off. */
	sched_setaffinity(0, sizeof(where), &where);
}

static void *work(void *argument)
{
	static void (*const steps[])(struct worker *) = {
		write_some, write_some, write_some, write_some,	  write_some,	check_some,
		check_some, give_up,	advise_some, protect_some, move,	lock_some,
		fork_some,  transfer,	lend,
	};
	struct worker *worker = argument;

	chance_seed(worker->seed);
	while (!shared->over && !has_failed()) {
		steps[chance(sizeof(steps) / sizeof(*steps))](worker);
		__atomic_add_fetch(&shared->steps, 1, __ATOMIC_RELAXED);
		if (chance_in(3))
			go_elsewhere();
	}
	for (unsigned int page = 0; page < REGION_PAGES; page++)
		region_check(&worker->region, page);
	return NULL;
}

static void team_up(unsigned int team, uint64_t seed)
{
	static struct worker workers[PROCESSORS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	report_name("team");
	chance_seed(seed);
	for (unsigned int i = 0; i < processors; i++) {
		struct worker *worker = &workers[i];
		unsigned int number = team * processors + i;
		char path[64];

		worker->seed = seed * 64 + i;
		worker->region = region_make(number, &shared->models[number * REGION_MODELS]);
		snprintf(path, sizeof(path), STORM_DIR "/direct-%u", number);
		worker->file = must(open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600));
		worker->block = must(mmap(NULL, REGION_PAGE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	}
	for (unsigned int i = 0; i < processors; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("no thread can be created");
	for (unsigned int i = 0; i < processors; i++)
		pthread_join(workers[i].thread, NULL);
	_exit(0);
}

static bool swap_is_used(void)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[256];
	long used, sum = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*d %ld", &used) == 1)
			sum += used;
	if (file)
		fclose(file);
	return sum;
}

/* One snapshot, and what its image holds while everybody goes on. False when there was no memory for it. */
static bool take(unsigned int regions, struct region_tally *tally)
{
	struct snapshot_info info;
	bool swapped = swap_is_used();
	int image, result = snapshot(0, &image);

	if (result > 0)
		return true;
	if (result < 0) {
		note("snapshot: %s", strerror(errno));
		if (errno != ENOMEM && errno != EBUSY && errno != EAGAIN && errno != EINTR)
			fail("snapshot: %s", strerror(errno));
		return false;
	}
	if (!snapshot_info(image, &info))
		fail("asking about the image: %s", strerror(errno));
	if (info.preserved_pages < 1000)
		fail("only %llu pages were preserved", (unsigned long long)info.preserved_pages);
	pause_up_to(PAUSE_US_MAX);
	region_check_image(image, regions, !swapped && !swap_is_used(), tally);
	close(image);
	return true;
}

static void take_many(unsigned int snapshots, unsigned int regions)
{
	unsigned int taken = 0, failed_now = 0, failed = 0;
	struct region_tally tally = { 0 };

	while (!told && !has_failed() && (!snapshots || taken < snapshots)) {
		pause_up_to(PAUSE_US_MAX);
		/* Without a number, others take the snapshots. */
		if (!snapshots)
			continue;
		if (take(regions, &tally)) {
			taken++;
			failed_now = 0;
		} else {
			failed++;
			if (++failed_now > FAILURES_MAX)
				fail("%u snapshots failed one after the other", failed_now);
		}
	}
	printf("%u snapshots taken, %u failed, %lu pages looked at in images, %lu old models beside newer ones, %llu steps\n",
	       taken, failed, tally.pages, tally.old_models, (unsigned long long)shared->steps);
}

int storm_memory(uint64_t seed, unsigned int snapshots)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t pids[TEAMS], marks;
	int status;

	sigaction(SIGTERM, &action, NULL);
	processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors > PROCESSORS_MAX)
		processors = PROCESSORS_MAX;
	shared = must(mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	run_quietly((const char *const[]){ "mkdir", "-p", STORM_DIR, NULL });
	write_file("/sys/kernel/mm/ksm/run", "1");
	chance_seed(seed);
	region_run(chance(UINT32_MAX));
	marks = must(fork());
	if (!marks)
		marks_keep(seed, &shared->over);
	for (unsigned int i = 0; i < TEAMS; i++) {
		pids[i] = must(fork());
		if (!pids[i])
			team_up(i, seed * TEAMS + i);
	}
	/* The regions are there once everybody works. */
	while (!shared->steps && !has_failed() && waitpid(-1, &status, WNOHANG) <= 0)
		usleep(10000);
	usleep(100000);
	take_many(snapshots, TEAMS * processors);
	shared->over = true;
	for (unsigned int i = 0; i < TEAMS; i++)
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
	while (waitpid(marks, &status, 0) < 0 && errno == EINTR)
		;
	if (has_failed())
		report_print();
	return has_failed();
}
