/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Containers as they are written and read: from beginning to end, in large pieces, and past the
 * page cache where the file lets us. An image is about as large as memory and is touched once: in
 * the cache it would only take the memory that a live timeline, or a kernel that loads it, has
 * least of.
 */
#ifndef SNAPCTL_STREAM_H
#define SNAPCTL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads until `size` bytes are there or the input ends. Answers how many, or -1. */
ssize_t read_all(int from, void *buffer, size_t size);

/* Writes all of it. 0, or -1 with errno. */
int write_all(int to, const void *buffer, size_t size);

/* What is written to a file or pipe. */
struct output {
	int file;
	bool direct;
	uint8_t *buffer;
	size_t used, size;	/* of the buffer, in bytes */
};

/* What is read from a file or pipe. */
struct input {
	int file;
	bool direct;
	uint8_t *buffer;
	size_t at, end, size;	/* what is in the buffer, and its size, in bytes */
};

/* Begins to write where the file stands, in pieces of up to `piece_bytes`. 0, or -1 with errno. */
int output_begin(struct output *output, int file, size_t piece_bytes);

/* Where the next piece is to be put together. */
void *output_room(const struct output *output);

/* The first `size` bytes there are the next piece. 0, or -1 with errno. */
int output_push(struct output *output, size_t size);

/* Writes what waits for a piece that completes its block; no piece may follow. 0, or -1 with errno. */
int output_flush(struct output *output);
void output_end(struct output *output);

/* Begins to read where the file stands, in pieces of up to `piece_bytes`. 0, or -1 with errno. */
int input_begin(struct input *input, int file, size_t piece_bytes);

/*
 * The next `size` bytes, valid until the next call. Answers how many there are, fewer only at the
 * end, or -1 with errno.
 */
ssize_t input_take(struct input *input, size_t size, const void **bytes);
void input_end(struct input *input);

#endif
