// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bare futex, shared by two processes that wake each other in turn, and one asleep on it that
 * nobody wakes.
 */
#include "../check.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

struct table {
	/* Whose turn it is. */
	_Atomic uint32_t turn;
	_Atomic uint32_t untouched;
	volatile uint32_t rounds;
	volatile uint32_t woken;
	volatile uint32_t asleep;
};

static struct table *table;

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
	while (*word == value)
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void play(void *argument)
{
	uint32_t me = (uintptr_t)argument;

	for (;;) {
		wait_while(&table->turn, !me);
		/* Between the two, only one may ever be here. */
		if (table->turn != me)
			check_die("it is nobody's turn: %u", table->turn);
		table->rounds++;
		if (table->rounds % 16 == 0)
			check_pause();
		table->turn = !me;
		syscall(SYS_futex, &table->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

static void sleep_on(void *unused)
{
	(void)unused;
	table->asleep = 1;
	syscall(SYS_futex, &table->untouched, FUTEX_WAIT, 0, NULL, NULL, 0);
	table->woken = 1;
	sleep_ms(100000);
}

static void prepare(void)
{
	table = check_shared(sizeof(*table));
	check_fork(play, (void *)0);
	check_fork(play, (void *)1);
	check_fork(sleep_on, NULL);
	if (!check_grows(&table->rounds, 100, 20000) || !check_grows(&table->asleep, 0, 1000))
		check_die("the players do not play");
}

static void corrupt(void)
{
	syscall(SYS_futex, &table->untouched, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	check_grows(&table->woken, 0, 1000);
}

static void verify(void)
{
	check_that(check_grows(&table->rounds, table->rounds + 100, 20000),
		   "the players stand still after %u rounds", table->rounds);
	check_that(!table->woken, "who sleeps on a futex woke without being woken");
	check_that(syscall(SYS_futex, &table->untouched, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) == 1,
		   "nobody sleeps on the futex");
}

CHECK(.name = "futex", .about = "futexes wake whom they should, and nobody else",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
