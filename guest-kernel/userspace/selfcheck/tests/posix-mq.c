// SPDX-License-Identifier: GPL-2.0-only
/*
 * A POSIX message queue with messages of several priorities, and a notification asked for on a
 * second one.
 */
#include "../check.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define MESSAGES 6
#define BYTES_MAX 512

static mqd_t queue, watched;
static volatile sig_atomic_t notified;

static const char *missing(void)
{
	mqd_t probe = mq_open("/selfcheck-probe", O_RDWR | O_CREAT, 0600, NULL);

	if (probe == (mqd_t)-1)
		return errno == ENOSYS ? "no POSIX message queues in this kernel" : NULL;
	mq_close(probe);
	mq_unlink("/selfcheck-probe");
	return NULL;
}

static mqd_t new_queue(const char *name)
{
	struct mq_attr limits = { .mq_maxmsg = 10, .mq_msgsize = BYTES_MAX };
	char full[64];
	mqd_t made;

	snprintf(full, sizeof(full), "/selfcheck-%s-%d", name, getpid());
	made = must(mq_open(full, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &limits));
	must(mq_unlink(full));
	return made;
}

static void on_message(int number, siginfo_t *info, void *unused)
{
	(void)number;
	(void)unused;
	notified = info->si_code == SI_MESGQ ? info->si_value.sival_int : -1;
}

static void prepare(void)
{
	struct sigaction action = { .sa_sigaction = on_message, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 4711 };
	uint8_t text[BYTES_MAX];

	queue = new_queue("full");
	for (int n = 0; n < MESSAGES; n++) {
		pattern_fill(text, 50 + n, check_seed() + n);
		must(mq_send(queue, (char *)text, 50 + n, n * 3 % MESSAGES * 10 + n / 2));
	}
	watched = new_queue("watched");
	must(sigaction(SIGUSR1, &action, NULL));
	must(mq_notify(watched, &event));
}

static void corrupt(void)
{
	char text[BYTES_MAX];
	unsigned int priority;
	ssize_t n = must(mq_receive(queue, text, sizeof(text), &priority));

	must(mq_send(queue, text, n, priority + 1));
}

static void verify(void)
{
	bool seen[MESSAGES] = { false };
	unsigned int priority, before = ~0u;
	uint8_t text[BYTES_MAX];

	for (int i = 0; i < MESSAGES; i++) {
		ssize_t got = mq_receive(queue, (char *)text, sizeof(text), &priority);
		int n = got - 50;

		if (got < 50 || n >= MESSAGES || seen[n]) {
			check_fail("message %d: %s", i,
				   got < 0 ? strerror(errno) : "not one of those sent");
			return;
		}
		seen[n] = true;
		pattern_check("a message", text, got, check_seed() + n);
		check_that((int)priority == n * 3 % MESSAGES * 10 + n / 2,
			   "message %d has priority %u", n, priority);
		check_that(priority <= before, "a message of lower priority came first");
		before = priority;
	}
	check_that(notified == 0, "a notification came though no message did");
	must(mq_send(watched, "now", 3, 0));
	for (int waited = 0; !notified && waited < check_bound_ms(2000); waited += 5)
		sleep_ms(5);
	check_that(notified == 4711, "the notification is %d, not 4711", (int)notified);
}

CHECK(.name = "posix-mq",
      .about = "a POSIX message queue keeps messages, priorities and who is to be notified",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
