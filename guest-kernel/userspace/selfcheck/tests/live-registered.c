// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers registered with io_uring are written to without a page fault, by way of the page frames found when they were
 * registered. So these must stay those that the program sees.
 */
#include "../check.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../region.h"
#include "../ring.h"

#define BYTES (256 << 10)

static struct region region;
static struct ring ring;
static int other;

/* Reads the other file into the registered buffer. */
static void read_fixed(void)
{
	struct io_uring_cqe done = { 0 };

	ring_submit(&ring, &(struct io_uring_sqe){ .opcode = IORING_OP_READ_FIXED,
						   .fd = other,
						   .addr = (uintptr_t)region.memory,
						   .len = BYTES });
	if (!ring_complete(&ring, &done) || done.res != BYTES)
		check_die("reading into the registered buffer gave %d, not %d", done.res, BYTES);
}

static void prepare(void)
{
	struct iovec buffer;

	region = region_new(BYTES);
	region_spoil(region);
	other = must(open(check_path(check_ram_dir(), "other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	write_all(other, region.memory, BYTES);
	pattern_fill(region.memory, BYTES, check_seed());

	ring = ring_new(4);
	buffer = (struct iovec){ region.memory, BYTES };
	must(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &buffer, 1));
}

static void verify(void)
{
	region_verify("a registered buffer", region);
	/* And it is still the one that io_uring writes to. */
	read_fixed();
	pattern_check("what was read into a registered buffer", region.memory, BYTES, ~check_seed());
}

CHECK(.name = "live-registered", .about = "buffers registered with io_uring stay what they are",
      .missing = ring_missing, .prepare = prepare, .corrupt = read_fixed, .verify = verify)
