/* SPDX-License-Identifier: GPL-2.0-only */
/* Saves an image in a process of its own, and reads it back: whatever happens to that, its parent goes on. */
#ifndef SNAPCTL_SAVER_H
#define SNAPCTL_SAVER_H

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "call.h"

struct save_options;

#define SAVER_SAID_MAX 2048

/* Why an image has not been saved. */
struct failed {
	uint64_t saved_bytes, image_bytes;
	char said[SAVER_SAID_MAX];	/* by the saver, in lines; the last ones if there are many */
	char end[96];			/* how the saver has ended, for people */
	bool image_gone;		/* nothing has been left there that could be restored */
};

/*
 * Saves to a place as `save` does, or to DEVICE:PATH, and checks what has been written. 0, or -1 with the reason told.
 * SIGINT, SIGTERM and SIGHUP end it; SIGUSR1 has it say how far it is.
 */
int saver_run(const struct live *live, const char *name, const struct save_options *options, struct failed *failed);

#endif
