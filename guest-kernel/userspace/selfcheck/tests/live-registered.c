// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers registered with io_uring are written to without a page fault, by way of the page frames found when they were
 * registered. So these must stay those that the program sees.
 */
#include "../check.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../region.h"

#define BYTES (256 << 10)

static struct region region;
static int ring, other;
static uint8_t *sq, *cq;
static struct io_uring_sqe *sqe;
static struct io_uring_params params;

static const char *missing(void)
{
	int fd = syscall(SYS_io_uring_setup, 1, &params);

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

/* Reads the other file into the registered buffer. */
static void read_fixed(void)
{
	uint32_t tail = *word(sq, params.sq_off.tail), head = *word(cq, params.cq_off.head);
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(cq + params.cq_off.cqes) +
				   (head & *word(cq, params.cq_off.ring_mask));

	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_READ_FIXED,
		.fd = other,
		.addr = (uintptr_t)region.memory,
		.len = BYTES,
	};
	*word(sq, params.sq_off.array + 4 * (tail & *word(sq, params.sq_off.ring_mask))) = 0;
	atomic_store(word(sq, params.sq_off.tail), tail + 1);
	must(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	if (cqe->res != BYTES)
		check_die("reading into the registered buffer gave %d, not %d", cqe->res, BYTES);
	atomic_store(word(cq, params.cq_off.head), head + 1);
}

static void prepare(void)
{
	struct iovec buffer;

	region = region_new(BYTES);
	region_spoil(region);
	other = must(open(check_path(check_ram_dir(), "other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	write_all(other, region.memory, BYTES);
	pattern_fill(region.memory, BYTES, check_seed());

	params = (struct io_uring_params){ 0 };
	ring = must(syscall(SYS_io_uring_setup, 4, &params));
	sq = must(mmap(NULL, params.sq_off.array + 4 * params.sq_entries, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING));
	cq = must(mmap(NULL, params.cq_off.cqes + sizeof(struct io_uring_cqe) * params.cq_entries,
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		       IORING_OFF_CQ_RING));
	sqe = must(mmap(NULL, params.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES));
	buffer = (struct iovec){ region.memory, BYTES };
	must(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1));
}

static void verify(void)
{
	region_verify("a registered buffer", region);
	/* And it is still the one that io_uring writes to. */
	read_fixed();
	pattern_check("what was read into a registered buffer", region.memory, BYTES, ~check_seed());
}

CHECK(.name = "live-registered", .about = "buffers registered with io_uring stay what they are",
      .missing = missing, .prepare = prepare, .corrupt = read_fixed, .verify = verify)
