/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef AGENT_H
#define AGENT_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "frame.h"
#include "protocol.h"

/* agent/message.c */

/* The payload of a request, read from front to back. */
struct reading {
	const uint8_t *at;
	size_t left;
	/* Something was missing. */
	bool torn;
};

uint32_t read_word(struct reading *from);
/* Never NULL; "" when torn. */
const char *read_string(struct reading *from);

/* Answers go to this descriptor from now on. */
void message_open(int fd);
/* Waits until all that was sent has left a serial line. */
void message_drain(void);

/* An answer to a request; kept, to be sent again when the same request comes again. */
void reply(uint32_t id, uint8_t type, const void *payload, size_t payload_bytes);
void reply_ok(uint32_t id);
/* Says what failed and why: "WHAT: strerror(error)". */
void reply_error(uint32_t id, int error, const char *what);

/* Sends the last answer once more if it was one to this request; false when it was not. */
bool reply_again(uint32_t id);

/* A frame that is no answer to a request: output or status of a job. */
void push(uint32_t id, uint8_t type, const void *payload, size_t payload_bytes);

/* agent/jobs.c */
void job_start(uint32_t id, struct reading *from);
void job_stdin(uint32_t id, struct reading *from);
void job_collect(uint32_t id, struct reading *from);
void job_kill(uint32_t id, struct reading *from);
void job_release(uint32_t id, struct reading *from);
void job_consumed(uint32_t id, struct reading *from);
/* Fills polls with what the jobs wait for; answers their number, at most max. */
int jobs_poll(struct pollfd *polls, int max);
/* Moves input and output of all jobs that are ready. */
void jobs_move(const struct pollfd *polls, int count);
/* Notes jobs that have ended. */
void jobs_reap(void);
/* Kills jobs that are over their time; answers ms until the next one is due, -1 for none. */
int jobs_expire(void);

/* agent/files.c */
/*
 * Writes a piece of a file: with PUT_FIRST its folders are made, with PUT_LAST it takes its place. 0, or
 * -1 and errno, and nothing is left of it.
 */
int file_put_piece(const char *path, uint32_t flags, uint32_t mode, off_t offset,
		   const uint8_t *bytes, size_t count);
void file_put(uint32_t id, struct reading *from);
void file_get(uint32_t id, struct reading *from);

/* agent/fetch.c */
void file_fetch(uint32_t id, struct reading *from);

/* agent/room.c */
void file_room(uint32_t id, struct reading *from);

#endif
