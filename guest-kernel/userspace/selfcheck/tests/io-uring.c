// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: a poll, a read and a timeout under way, and a completion that nobody has taken yet. */
#include "../check.h"

#include <poll.h>
#include <unistd.h>

#include "../ring.h"

static struct ring ring;
static int polled[2], read_from[2];
static char buffer[16];

enum { TAG_NOP = 100, TAG_POLL, TAG_READ, TAG_LATE };

static void submit_nop(uint64_t tag)
{
	ring_submit(&ring, &(struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = tag });
}

static void prepare(void)
{
	ring = ring_new(8);
	must(pipe(polled));
	must(pipe(read_from));
	submit_nop(TAG_NOP);
	ring_submit(&ring, &(struct io_uring_sqe){ .opcode = IORING_OP_POLL_ADD,
						   .fd = polled[0],
						   .poll32_events = POLLIN,
						   .user_data = TAG_POLL });
	ring_submit(&ring, &(struct io_uring_sqe){ .opcode = IORING_OP_READ,
						   .fd = read_from[0],
						   .addr = (uintptr_t)buffer,
						   .len = sizeof(buffer),
						   .user_data = TAG_READ });
}

static void corrupt(void)
{
	struct io_uring_cqe taken;

	ring_complete(&ring, &taken);
}

static void expect(uint64_t tag, int32_t result)
{
	struct io_uring_cqe done = { 0 };

	if (!ring_complete(&ring, &done))
		check_fail("request %llu does not complete", (unsigned long long)tag);
	else
		check_that(done.user_data == tag && done.res == result,
			   "request %llu completes with %d, not %llu with %d",
			   (unsigned long long)done.user_data, done.res, (unsigned long long)tag,
			   result);
}

static void verify(void)
{
	expect(TAG_NOP, 0);
	check_that(!ring_has_completion(&ring), "a request completed by itself");
	write_all(read_from[1], "late data", 9);
	expect(TAG_READ, 9);
	check_that(!memcmp(buffer, "late data", 9), "the data of the read differ");
	write_all(polled[1], "x", 1);
	expect(TAG_POLL, POLLIN);
	submit_nop(TAG_LATE);
	expect(TAG_LATE, 0);
}

CHECK(.name = "io-uring", .about = "io_uring keeps requests under way and completions not taken",
      .missing = ring_missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
