// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: a mutex and conditions between producer and consumers, a barrier, and what is local to
 * each thread.
 */
#include "../check.h"

#include <signal.h>

#define QUEUE 8
#define CONSUMERS 3
#define MEETERS 4
#define LOCALS 5

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static uint32_t queue[QUEUE];
static uint32_t put_count, taken_count, put_sum, taken_sum;
static volatile uint32_t consumed;

static void *produce(void *unused)
{
	for (uint32_t n = 1;; n++) {
		pthread_mutex_lock(&lock);
		while (put_count - taken_count == QUEUE)
			pthread_cond_wait(&not_full, &lock);
		queue[put_count++ % QUEUE] = n * 2654435761u;
		put_sum += n * 2654435761u;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
		if (n % 16 == 0)
			check_pause();
	}
	return unused;
}

static void *consume(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		while (put_count == taken_count)
			pthread_cond_wait(&not_empty, &lock);
		taken_sum += queue[taken_count++ % QUEUE];
		consumed = taken_count;
		pthread_cond_signal(&not_full);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static void prepare_queue(void)
{
	check_thread(produce, NULL);
	for (int i = 0; i < CONSUMERS; i++)
		check_thread(consume, NULL);
	if (!check_grows(&consumed, 50, 20000))
		check_die("nothing is consumed");
}

static void corrupt_queue(void)
{
	pthread_mutex_lock(&lock);
	taken_sum ^= 1;
	pthread_mutex_unlock(&lock);
}

static void verify_queue(void)
{
	uint32_t sum;

	check_that(check_grows(&consumed, consumed + 50, 20000), "the consumers stand still");
	pthread_mutex_lock(&lock);
	sum = taken_sum;
	for (uint32_t n = taken_count; n != put_count; n++)
		sum += queue[n % QUEUE];
	check_that(sum == put_sum, "what came out of the queue is not what went in");
	pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static volatile uint32_t meetings[MEETERS];
static _Atomic uint32_t serial;

static void *meet(void *argument)
{
	int me = (intptr_t)argument;

	for (;;) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serial++;
		meetings[me]++;
		for (int other = 0; other < MEETERS; other++) {
			int32_t ahead = meetings[me] - meetings[other];

			if (ahead > 1 || ahead < -1)
				check_die("thread %d is %d meetings ahead of thread %d", me, ahead,
					  other);
		}
		if (meetings[me] % 16 == 0)
			check_pause();
	}
}

static void prepare_barrier(void)
{
	must_0(pthread_barrier_init(&barrier, NULL, MEETERS));
	for (intptr_t i = 0; i < MEETERS; i++)
		check_thread(meet, (void *)i);
	if (!check_grows(&meetings[0], 30, 20000))
		check_die("the threads do not meet");
}

static void corrupt_barrier(void)
{
	meetings[1] -= 5;
	sleep_ms(200);
}

static void verify_barrier(void)
{
	int32_t apart;

	check_that(check_grows(&meetings[0], meetings[0] + 30, 20000),
		   "the threads no longer meet");
	apart = meetings[0] - serial;
	check_that(apart >= -2 && apart <= 2, "%u meetings, %u of them led", meetings[0], serial);
}

static __thread uint8_t local[4096];
static volatile uint32_t checked;
static pthread_t locals[LOCALS];
static volatile bool asked;

static void on_signal(int number)
{
	/* Spoils the local memory of the thread that gets it. */
	local[number]++;
}

static void *keep_local(void *argument)
{
	uint32_t me = (uintptr_t)argument;
	int *own_errno = &errno;

	pattern_fill(local, sizeof(local), check_seed() + me);
	errno = 1000 + me;
	while (!asked)
		check_pause();
	errno = 1000 + me;
	check_that(&errno == own_errno && errno == (int)(1000 + me), "a thread has another errno");
	pattern_check("thread-local memory", local, sizeof(local), check_seed() + me);
	__sync_fetch_and_add(&checked, 1);
	return NULL;
}

static void prepare_local(void)
{
	signal(SIGUSR1, on_signal);
	for (uintptr_t i = 0; i < LOCALS; i++) {
		char name[16] = "local-0";

		name[6] += i;
		must_0(pthread_create(&locals[i], NULL, keep_local, (void *)i));
		must_0(pthread_setname_np(locals[i], name));
	}
}

static void corrupt_local(void)
{
	must_0(pthread_kill(locals[2], SIGUSR1));
	sleep_ms(100);
}

static void verify_local(void)
{
	for (int i = 0; i < LOCALS; i++) {
		char name[16], expected[16] = "local-0";

		expected[6] += i;
		must_0(pthread_getname_np(locals[i], name, sizeof(name)));
		check_that(!strcmp(name, expected), "thread %d is named '%s'", i, name);
	}
	asked = true;
	check_that(check_grows(&checked, LOCALS - 1, 5000), "only %u of %d threads answer", checked,
		   LOCALS);
}

CHECK(.name = "thread-queue", .about = "a mutex and conditions lose no item and no wake-up",
      .prepare = prepare_queue, .corrupt = corrupt_queue, .verify = verify_queue)
CHECK(.name = "thread-barrier", .about = "threads go on meeting at a barrier",
      .prepare = prepare_barrier, .corrupt = corrupt_barrier, .verify = verify_barrier)
CHECK(.name = "thread-local", .about = "threads keep local memory and names",
      .prepare = prepare_local, .corrupt = corrupt_local, .verify = verify_local)
