// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: a poll, a read and a timeout under way, and a completion that nobody has taken yet. */
#include "../check.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 8

static int ring, polled[2], read_from[2];
static uint8_t *sq, *cq;
static struct io_uring_sqe *sqes;
static struct io_uring_params params;
static char buffer[16];

enum { TAG_NOP = 100, TAG_POLL, TAG_READ, TAG_LATE };

static const char *missing(void)
{
	struct io_uring_params probe = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &probe);

	if (fd < 0)
		return errno == ENOSYS ? "no io_uring in this kernel" :
		       errno == EPERM  ? "io_uring is forbidden here" :
					 NULL;
	close(fd);
	return NULL;
}

static _Atomic uint32_t *word(uint8_t *base, uint32_t offset)
{
	return (_Atomic uint32_t *)(base + offset);
}

static void submit(uint8_t opcode, int fd, void *address, uint32_t length, uint32_t poll_events,
		   uint64_t tag)
{
	uint32_t tail = *word(sq, params.sq_off.tail),
		 index = tail & *word(sq, params.sq_off.ring_mask);

	memset(&sqes[index], 0, sizeof(*sqes));
	sqes[index].opcode = opcode;
	sqes[index].fd = fd;
	sqes[index].addr = (uintptr_t)address;
	sqes[index].len = length;
	sqes[index].poll32_events = poll_events;
	sqes[index].user_data = tag;
	*word(sq, params.sq_off.array + 4 * index) = index;
	atomic_store(word(sq, params.sq_off.tail), tail + 1);
	if (must(syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0)) != 1)
		check_die("io_uring took no request");
}

/* Takes one completion. Within 5 s. */
static bool complete(uint64_t *tag, int32_t *result)
{
	uint32_t head = *word(cq, params.cq_off.head);

	for (int waited = 0; atomic_load(word(cq, params.cq_off.tail)) == head; waited += 5) {
		if (waited > 5000)
			return false;
		/* Lets the kernel run what it has put off to this task's next visit. */
		syscall(SYS_io_uring_enter, ring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		sleep_ms(5);
	}
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(cq + params.cq_off.cqes) +
				   (head & *word(cq, params.cq_off.ring_mask));

	*tag = cqe->user_data;
	*result = cqe->res;
	atomic_store(word(cq, params.cq_off.head), head + 1);
	return true;
}

static void prepare(void)
{
	ring = must(syscall(SYS_io_uring_setup, ENTRIES, &params));
	sq = must(mmap(NULL, params.sq_off.array + 4 * params.sq_entries, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING));
	cq = must(mmap(NULL, params.cq_off.cqes + sizeof(struct io_uring_cqe) * params.cq_entries,
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		       IORING_OFF_CQ_RING));
	sqes = must(mmap(NULL, params.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES));
	must(pipe(polled));
	must(pipe(read_from));
	submit(IORING_OP_NOP, -1, NULL, 0, 0, TAG_NOP);
	submit(IORING_OP_POLL_ADD, polled[0], NULL, 0, POLLIN, TAG_POLL);
	submit(IORING_OP_READ, read_from[0], buffer, sizeof(buffer), 0, TAG_READ);
}

static void corrupt(void)
{
	uint64_t tag;
	int32_t result;

	complete(&tag, &result);
}

static void expect(uint64_t expected_tag, int32_t expected_result)
{
	uint64_t tag = 0;
	int32_t result = 0;

	if (!complete(&tag, &result))
		check_fail("request %llu does not complete", (unsigned long long)expected_tag);
	else
		check_that(tag == expected_tag && result == expected_result,
			   "request %llu completes with %d, not %llu with %d",
			   (unsigned long long)tag, result, (unsigned long long)expected_tag,
			   expected_result);
}

static void verify(void)
{
	expect(TAG_NOP, 0);
	check_that(*word(cq, params.cq_off.head) == *word(cq, params.cq_off.tail),
		   "a request completed by itself");
	write_all(read_from[1], "late data", 9);
	expect(TAG_READ, 9);
	check_that(!memcmp(buffer, "late data", 9), "the data of the read differ");
	write_all(polled[1], "x", 1);
	expect(TAG_POLL, POLLIN);
	submit(IORING_OP_NOP, -1, NULL, 0, 0, TAG_LATE);
	expect(TAG_LATE, 0);
}

CHECK(.name = "io-uring", .about = "io_uring keeps requests under way and completions not taken",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
