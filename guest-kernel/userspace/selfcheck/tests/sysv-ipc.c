// SPDX-License-Identifier: GPL-2.0-only
/* System V IPC: a shared segment, semaphores with a process asleep on one, and queued messages. */
#include "../check.h"

#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#define SEGMENT_BYTES 100000
#define MESSAGES 5

static int id;
static uint8_t *segment;
static volatile uint32_t *passed;

struct message {
	long type;
	uint8_t text[1000];
};

static const char *missing(void)
{
	return access("/proc/sysvipc", F_OK) ? "no System V IPC in this kernel" : NULL;
}

static void prepare_shm(void)
{
	id = must(shmget(IPC_PRIVATE, SEGMENT_BYTES, IPC_CREAT | 0640));
	segment = must(shmat(id, NULL, 0));
	/* It now lives as long as this process has it. */
	must(shmctl(id, IPC_RMID, NULL));
	pattern_fill(segment, SEGMENT_BYTES, check_seed());
}

static void corrupt_shm(void)
{
	segment[SEGMENT_BYTES - 1]++;
}

static void verify_shm(void)
{
	struct shmid_ds status;

	must(shmctl(id, IPC_STAT, &status));
	check_that(status.shm_nattch == 1 && status.shm_segsz == SEGMENT_BYTES,
		   "%lu attached, %zu bytes", (unsigned long)status.shm_nattch, status.shm_segsz);
	check_that(status.shm_perm.mode & SHM_DEST, "the segment is no longer marked for removal");
	pattern_check("the segment", segment, SEGMENT_BYTES, check_seed());
}

static void wait_for_semaphore(void *unused)
{
	struct sembuf take = { .sem_num = 1, .sem_op = -1 };

	(void)unused;
	/* signal(7): the freezing of tasks may end this wait by EINTR, as SIGSTOP does. */
	while (semop(id, &take, 1) < 0)
		if (errno != EINTR)
			check_die("semop: %s", strerror(errno));
	*passed = 1;
	sleep_ms(100000);
}

static void prepare_sem(void)
{
	static const unsigned short values[3] = { 7, 0, 32767 };
	/* Undone when this process ends: the kernel keeps a list for it. */
	struct sembuf with_undo = { .sem_num = 0, .sem_op = 5, .sem_flg = SEM_UNDO };

	passed = check_shared(4096);
	id = must(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
	must(semctl(id, 0, SETALL, values));
	must(semop(id, &with_undo, 1));
	check_fork(wait_for_semaphore, NULL);
	while (must(semctl(id, 1, GETNCNT)) != 1)
		sleep_ms(2);
}

static void corrupt_sem(void)
{
	must(semctl(id, 2, SETVAL, 1));
}

static void verify_sem(void)
{
	struct sembuf give = { .sem_num = 1, .sem_op = 1 };
	unsigned short values[3];

	must(semctl(id, 0, GETALL, values));
	check_that(values[0] == 12 && values[1] == 0 && values[2] == 32767,
		   "the semaphores are %d, %d, %d", values[0], values[1], values[2]);
	for (int waited = 0; must(semctl(id, 1, GETNCNT)) != 1 && waited < check_bound_ms(2000); waited += 5)
		sleep_ms(5);
	check_that(must(semctl(id, 1, GETNCNT)) == 1 && !*passed,
		   "nobody waits for the semaphore any more");
	must(semop(id, &give, 1));
	check_that(check_grows(passed, 0, 5000), "who waited for the semaphore did not get it");
	must(semctl(id, 0, IPC_RMID));
}

static void prepare_msg(void)
{
	struct message message;

	id = must(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
	for (int n = 0; n < MESSAGES; n++) {
		message.type = n + 1;
		pattern_fill(message.text, 100 + n, check_seed() + n);
		must(msgsnd(id, &message, 100 + n, 0));
	}
}

static void corrupt_msg(void)
{
	struct message message;
	ssize_t n = must(msgrcv(id, &message, sizeof(message.text), 3, IPC_NOWAIT));

	message.text[0]++;
	must(msgsnd(id, &message, n, 0));
}

static void verify_msg(void)
{
	struct message message;

	/* Out of order, by type. */
	for (int n = MESSAGES - 1; n >= 0; n--) {
		ssize_t got = msgrcv(id, &message, sizeof(message.text), n + 1, IPC_NOWAIT);

		check_that(got == 100 + n, "message %d has %zd bytes", n, got);
		if (got > 0)
			pattern_check("a message", message.text, got, check_seed() + n);
	}
	check_that(msgrcv(id, &message, sizeof(message.text), 0, IPC_NOWAIT) < 0 && errno == ENOMSG,
		   "a message too many");
	must(msgctl(id, IPC_RMID, NULL));
}

CHECK(.name = "sysv-shm", .about = "a System V segment keeps its contents", .missing = missing,
      .prepare = prepare_shm, .corrupt = corrupt_shm, .verify = verify_shm)
CHECK(.name = "sysv-sem", .about = "System V semaphores keep values, undo and who waits",
      .missing = missing, .prepare = prepare_sem, .corrupt = corrupt_sem, .verify = verify_sem)
CHECK(.name = "sysv-msg", .about = "a System V queue keeps its messages", .missing = missing,
      .prepare = prepare_msg, .corrupt = corrupt_msg, .verify = verify_msg)
