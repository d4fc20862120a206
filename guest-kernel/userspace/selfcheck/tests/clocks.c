// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks. CLOCK_MONOTONIC (and its raw and coarse kin) must not count the time off; CLOCK_BOOTTIME
 * and CLOCK_REALTIME must; and none ever runs backwards.
 */
#include "../check.h"

#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	clockid_t clock;
	const char *name;
	bool counts_off_time;
} clocks[] = {
	{ CLOCK_MONOTONIC, "MONOTONIC", false },
	{ CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW", false },
	{ CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE", false },
	{ CLOCK_BOOTTIME, "BOOTTIME", true },
	{ CLOCK_REALTIME, "REALTIME", true },
	{ CLOCK_REALTIME_COARSE, "REALTIME_COARSE", true },
	{ CLOCK_TAI, "TAI", true },
};

#define CLOCKS (sizeof(clocks) / sizeof(*clocks))

/* By the call that takes a struct timespec of this program's. */
#ifdef SYS_clock_gettime64
#define CLOCK_GETTIME SYS_clock_gettime64
#else
#define CLOCK_GETTIME SYS_clock_gettime
#endif

static int64_t start[CLOCKS], start_cpu;
static volatile uint32_t readings;

/*
 * No clock may run backwards between two readings, of which one may be before and the other after
 * the suspend.
 */
static void *keep_reading(void *unused)
{
	int64_t last[CLOCKS] = { 0 };

	for (;; readings++) {
		for (size_t i = 0; i < CLOCKS; i++) {
			int64_t now = clock_ns(clocks[i].clock);

			check_that(now >= last[i], "CLOCK_%s ran backwards by %lld ns",
				   clocks[i].name, (long long)(last[i] - now));
			last[i] = now;
		}
		check_pause();
	}
	return unused;
}

static void prepare(void)
{
	for (size_t i = 0; i < CLOCKS; i++)
		start[i] = clock_ns(clocks[i].clock);
	start_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	check_thread(keep_reading, NULL);
}

static void corrupt(void)
{
	/* The clocks belong to all; what this check remembers of one stands in for it. */
	start[3] -= 10000000000;
}

static void verify(void)
{
	int64_t on_ms = (clock_ns(CLOCK_MONOTONIC) - start[0]) / 1000000;
	int64_t cpu_ms = (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu) / 1000000;
	struct timespec by_call;
	int64_t between;

	for (size_t i = 0; i < CLOCKS; i++) {
		int64_t passed_ms = (clock_ns(clocks[i].clock) - start[i]) / 1000000;
		int64_t expected_ms = on_ms + (clocks[i].counts_off_time ? check_off_ms() : 0);
		int64_t apart_ms = passed_ms - expected_ms;

		check_that(apart_ms <= check_tolerance_ms() && apart_ms >= -check_tolerance_ms(),
			   "CLOCK_%s advanced by %lld ms, not %lld", clocks[i].name,
			   (long long)passed_ms, (long long)expected_ms);
	}
	check_that(cpu_ms <= on_ms + 1000, "%lld ms of CPU time in %lld ms", (long long)cpu_ms,
		   (long long)on_ms);
	/* With and without the kernel: the vDSO's copy of the clock is a page of its own. */
	between = clock_ns(CLOCK_MONOTONIC);
	must(syscall(CLOCK_GETTIME, CLOCK_MONOTONIC, &by_call));
	between = by_call.tv_sec * 1000000000LL + by_call.tv_nsec - between;
	check_that(between >= 0 && between < 1000000000, "vDSO and kernel are %lld ns apart",
		   (long long)between);
	check_that(check_grows(&readings, readings + 3, 5000),
		   "the thread that reads the clocks stands still");
}

CHECK(.name = "clocks", .about = "each clock counts the time off, or does not, as it should",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
