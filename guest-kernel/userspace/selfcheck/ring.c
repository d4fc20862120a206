// SPDX-License-Identifier: GPL-2.0-only
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define WAIT_MS_MAX 5000
#define WAIT_MS 5

const char *ring_missing(void)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		return errno == ENOSYS ? "no io_uring in this kernel" :
		       errno == EPERM  ? "io_uring is forbidden here" :
					 NULL;
	close(fd);
	return NULL;
}

static void *map(int fd, size_t bytes, off_t what)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what));
}

struct ring ring_new(unsigned int entries)
{
	struct ring ring = { 0 };
	const struct io_uring_params *params = &ring.params;

	ring.fd = must(syscall(SYS_io_uring_setup, entries, &ring.params));
	ring.sq = map(ring.fd, params->sq_off.array + 4 * params->sq_entries, IORING_OFF_SQ_RING);
	ring.cq = map(ring.fd,
		      params->cq_off.cqes + sizeof(struct io_uring_cqe) * params->cq_entries,
		      IORING_OFF_CQ_RING);
	ring.sqes = map(ring.fd, params->sq_entries * sizeof(*ring.sqes), IORING_OFF_SQES);
	return ring;
}

static _Atomic uint32_t *word(uint8_t *base, uint32_t offset)
{
	return (_Atomic uint32_t *)(base + offset);
}

void ring_submit(const struct ring *ring, const struct io_uring_sqe *request)
{
	const struct io_sqring_offsets *at = &ring->params.sq_off;
	uint32_t tail = *word(ring->sq, at->tail), index = tail & *word(ring->sq, at->ring_mask);

	ring->sqes[index] = *request;
	*word(ring->sq, at->array + 4 * index) = index;
	atomic_store(word(ring->sq, at->tail), tail + 1);
	if (must(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0)) != 1)
		check_die("io_uring took no request");
}

bool ring_has_completion(const struct ring *ring)
{
	const struct io_cqring_offsets *at = &ring->params.cq_off;

	return atomic_load(word(ring->cq, at->tail)) != *word(ring->cq, at->head);
}

bool ring_complete(const struct ring *ring, struct io_uring_cqe *completion)
{
	const struct io_cqring_offsets *at = &ring->params.cq_off;
	const struct io_uring_cqe *completions = (const void *)(ring->cq + at->cqes);
	uint32_t head = *word(ring->cq, at->head);

	for (int waited = 0; !ring_has_completion(ring); waited += WAIT_MS) {
		if (waited > WAIT_MS_MAX)
			return false;
		/* Lets the kernel run what it has put off to this task's next visit. */
		syscall(SYS_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		sleep_ms(WAIT_MS);
	}
	*completion = completions[head & *word(ring->cq, at->ring_mask)];
	atomic_store(word(ring->cq, at->head), head + 1);
	return true;
}
