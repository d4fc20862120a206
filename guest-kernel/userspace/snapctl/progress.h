/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a long task has come: as a bar on a terminal, or else in the kernel's log, which the consoles show. */
#ifndef SNAPCTL_PROGRESS_H
#define SNAPCTL_PROGRESS_H

#include <stdint.h>

struct progress {
	const char *what;	/* "saving the image" */
	uint64_t total;		/* bytes */
	unsigned int shown;	/* percent */
};

/* `total` may be 0 while it is not known. */
void progress_begin(struct progress *progress, const char *what, uint64_t total);

/* Shows how many bytes are done, when that has changed enough. */
void progress_show(struct progress *progress, uint64_t done);

/* Says it on stderr, because somebody has asked. */
void progress_tell(const struct progress *progress, uint64_t done);

/* The bar, if there is one, does not go on. */
void progress_end(void);

#endif
