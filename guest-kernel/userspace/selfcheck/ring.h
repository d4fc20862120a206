/* SPDX-License-Identifier: GPL-2.0-only */
/* An io_uring of one's own. All functions end the program when the kernel refuses. */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
	int fd;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

/* Why there is no io_uring here, or NULL. */
const char *ring_missing(void);
struct ring ring_new(unsigned int entries);
/* Hands in one request; what it refers to must stay until it has completed. */
void ring_submit(const struct ring *ring, const struct io_uring_sqe *request);
/* Is there a completion that nobody has taken? */
bool ring_has_completion(const struct ring *ring);
/* Takes one completion, or waits for one, at most 5 s. */
bool ring_complete(const struct ring *ring, struct io_uring_cqe *completion);

#endif
