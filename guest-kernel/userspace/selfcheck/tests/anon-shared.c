// SPDX-License-Identifier: GPL-2.0-only
/* Shared anonymous memory: processes count up in it together, and no count is lost. */
#include "../check.h"

#define WORKERS 3
#define PATTERN_BYTES 65536

struct shared {
	_Atomic uint32_t total;
	volatile uint32_t by_worker[WORKERS];
	volatile uint32_t stopped[WORKERS];
	uint8_t pattern[PATTERN_BYTES];
};

static struct shared *shared;

static void work(void *argument)
{
	int worker = (intptr_t)argument;

	while (!check_told()) {
		for (int i = 0; i < 100; i++) {
			shared->by_worker[worker]++;
			shared->total++;
		}
		check_pause();
	}
	shared->stopped[worker] = 1;
	sleep_ms(100000);
}

static void prepare(void)
{
	shared = check_shared(sizeof(*shared));
	pattern_fill(shared->pattern, PATTERN_BYTES, check_seed());
	for (intptr_t worker = 0; worker < WORKERS; worker++)
		check_fork(work, (void *)worker);
	for (int worker = 0; worker < WORKERS; worker++)
		if (!check_grows(&shared->by_worker[worker], 0, 10000))
			check_die("worker %d does not count", worker);
}

static void corrupt(void)
{
	shared->by_worker[1]--;
}

static void verify(void)
{
	uint32_t sum = 0;

	for (int worker = 0; worker < WORKERS; worker++) {
		check_that(check_grows(&shared->stopped[worker], 0, 10000), "worker %d hangs",
			   worker);
		sum += shared->by_worker[worker];
	}
	check_that(sum == shared->total, "the workers counted to %u, their common counter to %u",
		   sum, shared->total);
	pattern_check("shared memory", shared->pattern, PATTERN_BYTES, check_seed());
}

CHECK(.name = "anon-shared", .about = "anonymous memory shared by processes keeps their counts",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
