// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers of each clock, by timerfd, timer_create and sleeping: they count the time off exactly as
 * their clock does. A relative timer of CLOCK_REALTIME runs by CLOCK_MONOTONIC, so that setting
 * the clock does not move it.
 */
#include "../check.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PERIOD_MS 100
#define FAR_SECONDS 100000

static const struct kind {
	const char *name;
	clockid_t clock;
	bool absolute;
	/* The clock by whose time it runs. */
	clockid_t runs_by;
} kinds[] = {
	{ "MONOTONIC", CLOCK_MONOTONIC, false, CLOCK_MONOTONIC },
	{ "BOOTTIME", CLOCK_BOOTTIME, false, CLOCK_BOOTTIME },
	{ "REALTIME, absolute", CLOCK_REALTIME, true, CLOCK_REALTIME },
	{ "REALTIME, relative", CLOCK_REALTIME, false, CLOCK_MONOTONIC },
	{ "MONOTONIC, absolute", CLOCK_MONOTONIC, true, CLOCK_MONOTONIC },
	{ "BOOTTIME, absolute", CLOCK_BOOTTIME, true, CLOCK_BOOTTIME },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/* A timer was started between start[] and armed[], by its clock; a far one between far_start[] and far_armed[]. */
static int64_t start[KINDS], armed[KINDS], far_start[KINDS], far_armed[KINDS];

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* Every PERIOD_MS from now on. Notes in start[] when that is. */
static struct itimerspec periodic(int kind)
{
	int64_t period = PERIOD_MS * 1000000LL;

	start[kind] = clock_ns(kinds[kind].runs_by);
	return (struct itimerspec){ .it_interval = timespec_of(period),
				    .it_value = timespec_of(
					    kinds[kind].absolute ? start[kind] + period : period) };
}

/* Once, when this machine is long gone. */
static struct itimerspec far_off(int kind)
{
	far_start[kind] = clock_ns(kinds[kind].runs_by);
	return (struct itimerspec){ .it_value = timespec_of(
					    (kinds[kind].absolute ? far_start[kind] : 0) +
					    FAR_SECONDS * 1000000000LL) };
}

/*
 * So many periods had passed by the timer's own clock when the count was read, which was after `before` and is over now.
 * This process may have waited for a processor at any point of that.
 */
static void check_count(const char *what, int kind, uint64_t count, int64_t before)
{
	int64_t period = PERIOD_MS * 1000000LL, now = clock_ns(kinds[kind].runs_by);
	int64_t least = (before - armed[kind]) / period - 1;
	int64_t most = (now - start[kind]) / period + 1;

	check_that((int64_t)count >= least && (int64_t)count <= most,
		   "%s of %s expired %llu times, not %lld to %lld", what, kinds[kind].name,
		   (unsigned long long)count, (long long)least, (long long)most);
}

/* The same for the time left of a far timer. */
static void check_left(const char *what, int kind, const struct timespec *left, int64_t before)
{
	int64_t left_ms = left->tv_sec * 1000LL + left->tv_nsec / 1000000;
	int64_t now = clock_ns(kinds[kind].runs_by);
	int64_t least_ms = FAR_SECONDS * 1000LL - (now - far_start[kind]) / 1000000;
	int64_t most_ms = FAR_SECONDS * 1000LL - (before - far_armed[kind]) / 1000000;

	check_that(left_ms > least_ms - 1000 && left_ms < most_ms + 1000,
		   "%s of %s has %lld ms left, not %lld to %lld", what, kinds[kind].name,
		   (long long)left_ms, (long long)least_ms, (long long)most_ms);
}

static int fds[KINDS], far_fds[KINDS], cancelled;

static void prepare_timerfd(void)
{
	struct itimerspec far;

	for (int kind = 0; kind < KINDS; kind++) {
		int flags = kinds[kind].absolute ? TFD_TIMER_ABSTIME : 0;
		struct itimerspec when;

		fds[kind] = must(timerfd_create(kinds[kind].clock, TFD_NONBLOCK));
		when = periodic(kind);
		must(timerfd_settime(fds[kind], flags, &when, NULL));
		armed[kind] = clock_ns(kinds[kind].runs_by);
		far_fds[kind] = must(timerfd_create(kinds[kind].clock, TFD_NONBLOCK));
		when = far_off(kind);
		must(timerfd_settime(far_fds[kind], flags, &when, NULL));
		far_armed[kind] = clock_ns(kinds[kind].runs_by);
	}
	cancelled = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	far = (struct itimerspec){ .it_value = timespec_of(clock_ns(CLOCK_REALTIME) +
							   FAR_SECONDS * 1000000000LL) };
	must(timerfd_settime(cancelled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL));
}

static void corrupt_timerfd(void)
{
	uint64_t count;

	sleep_ms(10 * PERIOD_MS);
	read_all(fds[1], &count, sizeof(count));
}

static void verify_timerfd(void)
{
	uint64_t count;
	ssize_t n;

	/* Each expires at least once. */
	sleep_ms(2 * PERIOD_MS);
	for (int kind = 0; kind < KINDS; kind++) {
		struct itimerspec now;
		int64_t before = clock_ns(kinds[kind].runs_by);

		n = read(fds[kind], &count, sizeof(count));
		if (n == sizeof(count))
			check_count("the timerfd", kind, count, before);
		else
			check_fail("the timerfd of %s never expired", kinds[kind].name);
		before = clock_ns(kinds[kind].runs_by);
		must(timerfd_gettime(far_fds[kind], &now));
		check_left("a far timerfd", kind, &now.it_value, before);
		check_that(read(far_fds[kind], &count, sizeof(count)) < 0 && errno == EAGAIN,
			   "a far timerfd of %s expired", kinds[kind].name);
	}
	/*
	 * It asked to be told when the clock jumps; within the tolerance, the clock may or may not
	 * have.
	 */
	n = read(cancelled, &count, sizeof(count));
	if (check_off_ms() > check_tolerance_ms())
		check_that(n < 0 && errno == ECANCELED,
			   "a timerfd was not told that the clock jumped");
	else if (check_off_ms() == 0)
		check_that(n < 0 && errno == EAGAIN,
			   "a timerfd was told of a jump of the clock: %s", strerror(errno));
}

static timer_t timers[KINDS], far_timers[KINDS];

static int signal_of(int kind)
{
	return SIGRTMIN + 1 + kind;
}

static timer_t new_timer(int kind, bool far)
{
	struct sigevent event = { .sigev_notify = far ? SIGEV_NONE : SIGEV_SIGNAL,
				  .sigev_signo = signal_of(kind),
				  .sigev_value.sival_int = 1000 + kind };
	struct itimerspec when;
	timer_t made;

	must(timer_create(kinds[kind].clock, &event, &made));
	when = far ? far_off(kind) : periodic(kind);
	must(timer_settime(made, kinds[kind].absolute ? TIMER_ABSTIME : 0, &when, NULL));
	(far ? far_armed : armed)[kind] = clock_ns(kinds[kind].runs_by);
	return made;
}

static void prepare_posix(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int kind = 0; kind < KINDS; kind++)
		sigaddset(&set, signal_of(kind));
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int kind = 0; kind < KINDS; kind++) {
		timers[kind] = new_timer(kind, false);
		far_timers[kind] = new_timer(kind, true);
	}
}

static void corrupt_posix(void)
{
	struct itimerspec sooner = { .it_value.tv_sec = FAR_SECONDS / 2 };

	must(timer_settime(far_timers[0], 0, &sooner, NULL));
}

static void verify_posix(void)
{
	static const struct timespec at_once = { 0 };

	sleep_ms(2 * PERIOD_MS);
	for (int kind = 0; kind < KINDS; kind++) {
		struct itimerspec now;
		int64_t before = clock_ns(kinds[kind].runs_by);
		siginfo_t info;
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, signal_of(kind));
		if (sigtimedwait(&set, &info, &at_once) < 0)
			check_fail("the timer of %s never expired", kinds[kind].name);
		else if (info.si_code != SI_TIMER || info.si_value.sival_int != 1000 + kind)
			check_fail("the timer of %s sent another's signal", kinds[kind].name);
		else
			check_count("the timer", kind, 1 + (uint64_t)info.si_overrun, before);
		before = clock_ns(kinds[kind].runs_by);
		must(timer_gettime(far_timers[kind], &now));
		check_left("a far timer", kind, &now.it_value, before);
	}
}

#define SLEEPERS 3

/* Lateness from here on is not the scheduler's, even on a busy host. Half of what the clocks may differ by. */
#define LATE_MS 1000

/*
 * What a sleeper was late in all, and how often: if its clock goes on while the machine is off, it
 * is late by that time.
 */
static volatile int64_t late_ms[SLEEPERS];
static volatile uint32_t late_count[SLEEPERS];
static volatile uint32_t wakings[SLEEPERS];
static atomic_bool far_woke;
static volatile int64_t far_left_ns = -1;
static volatile int64_t far_slept_from;
static pthread_t far_sleeper;

static void *sleep_again(void *argument)
{
	int kind = (intptr_t)argument;
	int64_t now = clock_ns(kinds[kind].clock);

	for (;; wakings[kind]++) {
		int64_t target = now + PERIOD_MS * 1000000LL;
		struct timespec when = timespec_of(target);
		int64_t late;

		while (clock_nanosleep(kinds[kind].clock, TIMER_ABSTIME, &when, NULL) == EINTR)
			;
		/* Read once only: a suspend between two readings would be missed. */
		now = clock_ns(kinds[kind].clock);
		late = now - target;
		check_that(late >= 0, "a sleeper by %s woke %lld ns early", kinds[kind].name,
			   (long long)-late);
		if (late / 1000000 > LATE_MS) {
			late_ms[kind] += late / 1000000;
			late_count[kind]++;
		}
	}
	return NULL;
}

static void on_wake(int number)
{
	(void)number;
}

static void *sleep_long(void *unused)
{
	struct timespec left = { .tv_sec = FAR_SECONDS };
	int result;

	far_slept_from = clock_ns(CLOCK_MONOTONIC);
	result = nanosleep(&left, &left);

	if (result < 0 && errno == EINTR)
		far_left_ns = left.tv_sec * 1000000000LL + left.tv_nsec;
	/* The other thread reads what is left as soon as it sees this. */
	atomic_store(&far_woke, true);
	return unused;
}

static void prepare_sleep(void)
{
	struct sigaction action = { .sa_handler = on_wake };

	must(sigaction(SIGUSR1, &action, NULL));
	for (intptr_t kind = 0; kind < SLEEPERS; kind++)
		check_thread(sleep_again, (void *)kind);
	must_0(pthread_create(&far_sleeper, NULL, sleep_long, NULL));
	for (int kind = 0; kind < SLEEPERS; kind++)
		if (!check_grows(&wakings[kind], 1, 10000))
			check_die("a sleeper by %s does not wake", kinds[kind].name);
}

static void corrupt_sleep(void)
{
	must_0(pthread_kill(far_sleeper, SIGUSR1));
	while (!atomic_load(&far_woke))
		sleep_ms(2);
}

static void verify_sleep(void)
{
	int64_t before, least_ms, most_ms;

	for (int kind = 0; kind < SLEEPERS; kind++) {
		int64_t jump_ms = kinds[kind].runs_by == CLOCK_MONOTONIC ? 0 : check_off_ms();

		check_that(check_grows(&wakings[kind], wakings[kind] + 2, 10000),
			   "a sleeper by %s does not wake any more", kinds[kind].name);
		/* At each suspend it had up to a period left to sleep. */
		check_that(late_ms[kind] <= jump_ms + check_tolerance_ms() &&
				   late_ms[kind] >= jump_ms - check_tolerance_ms() -
							    late_count[kind] * PERIOD_MS,
			   "a sleeper by %s woke %lld ms late (%u times), not %lld",
			   kinds[kind].name, (long long)late_ms[kind], late_count[kind],
			   (long long)jump_ms);
	}
	check_that(!far_woke, "a long sleeper woke by itself");
	before = clock_ns(CLOCK_MONOTONIC);
	pthread_kill(far_sleeper, SIGUSR1);
	for (int waited = 0; !far_woke && waited < check_bound_ms(5000); waited += 5)
		sleep_ms(5);
	most_ms = FAR_SECONDS * 1000LL - (before - far_slept_from) / 1000000;
	least_ms = FAR_SECONDS * 1000LL - (clock_ns(CLOCK_MONOTONIC) - far_slept_from) / 1000000;
	check_that(far_left_ns / 1000000 > least_ms - 1000 && far_left_ns / 1000000 < most_ms + 1000,
		   "a long sleeper has %lld ms left, not %lld to %lld",
		   (long long)(far_left_ns / 1000000), (long long)least_ms, (long long)most_ms);
}

static int64_t interval_from, cpu_from;

static void prepare_interval(void)
{
	struct itimerval real = { .it_value.tv_sec = FAR_SECONDS },
			 cpu = { .it_value.tv_sec = FAR_SECONDS };

	interval_from = clock_ns(CLOCK_MONOTONIC);
	cpu_from = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	must(setitimer(ITIMER_REAL, &real, NULL));
	must(setitimer(ITIMER_PROF, &cpu, NULL));
}

static void corrupt_interval(void)
{
	alarm(FAR_SECONDS / 2);
}

static void check_interval(const char *what, int which, int64_t passed_ns)
{
	int64_t expected_ms = FAR_SECONDS * 1000LL - passed_ns / 1000000, left_ms;
	struct itimerval now;

	must(getitimer(which, &now));
	left_ms = now.it_value.tv_sec * 1000LL + now.it_value.tv_usec / 1000;
	check_that(left_ms - expected_ms > -1000 && left_ms - expected_ms < 1000,
		   "%s has %lld ms left, not %lld", what, (long long)left_ms,
		   (long long)expected_ms);
}

static void verify_interval(void)
{
	check_interval("ITIMER_REAL", ITIMER_REAL, clock_ns(CLOCK_MONOTONIC) - interval_from);
	check_interval("ITIMER_PROF", ITIMER_PROF, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_from);
}

CHECK(.name = "timer-timerfd",
      .about = "timerfds run by their clocks, and tell when the clock jumps",
      .prepare = prepare_timerfd, .corrupt = corrupt_timerfd, .verify = verify_timerfd)
CHECK(.name = "timer-posix", .about = "POSIX timers run by their clocks", .prepare = prepare_posix,
      .corrupt = corrupt_posix, .verify = verify_posix)
CHECK(.name = "timer-sleep", .about = "sleepers sleep by their clocks, and never wake early",
      .prepare = prepare_sleep, .corrupt = corrupt_sleep, .verify = verify_sleep)
CHECK(.name = "timer-interval", .about = "interval timers keep the time left",
      .prepare = prepare_interval, .corrupt = corrupt_interval, .verify = verify_interval)
