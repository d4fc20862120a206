// SPDX-License-Identifier: GPL-2.0-only
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is transferred past the page cache begins and ends on such a block, in file and memory. */
#define BLOCK_BYTES 4096UL

static size_t round_down(size_t size)
{
	return size & ~(BLOCK_BYTES - 1);
}

static size_t round_up(size_t size)
{
	return round_down(size + BLOCK_BYTES - 1);
}

ssize_t read_all(int from, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(from, (char *)buffer + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		done += n;
	}
	return done;
}

int write_all(int to, const void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(to, (const char *)buffer + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += n;
	}
	return 0;
}

/*
 * Has a file go past the page cache from here on, if it can. Standard streams are left alone: others
 * share them, and for a pipe the flag means something else.
 */
static bool begin_direct(int file)
{
	off_t at = lseek(file, 0, SEEK_CUR);
	struct stat status;

	return file > STDERR_FILENO && !fstat(file, &status) &&
		(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) &&
		at >= 0 && !(at & (BLOCK_BYTES - 1)) &&
		!fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_DIRECT);
}

static void end_direct(int file, bool *direct)
{
	if (*direct)
		fcntl(file, F_SETFL, fcntl(file, F_GETFL) & ~O_DIRECT);
	*direct = false;
}

/* Some filesystems say no only when it comes to it. */
static bool refused_direct(int file, bool *direct)
{
	if (errno != EINVAL || !*direct)
		return false;
	end_direct(file, direct);
	return true;
}

int output_begin(struct output *output, int file, size_t piece_bytes)
{
	void *buffer;

	output->file = file;
	output->used = 0;
	output->size = round_up(piece_bytes) + BLOCK_BYTES;
	errno = posix_memalign(&buffer, BLOCK_BYTES, output->size);
	if (errno)
		return -1;
	output->buffer = buffer;
	output->direct = begin_direct(file);
	return 0;
}

/* Writes all whole blocks; the rest waits for what completes it. */
static int write_out(struct output *output)
{
	size_t whole = output->direct ? round_down(output->used) : output->used;

	for (size_t done = 0; done < whole;) {
		ssize_t n = write(output->file, output->buffer + done, whole - done);

		if (n < 0 && (errno == EINTR || refused_direct(output->file, &output->direct)))
			continue;
		if (n < 0)
			return -1;
		done += n;
	}
	output->used -= whole;
	memmove(output->buffer, output->buffer + whole, output->used);
	return 0;
}

void *output_room(const struct output *output)
{
	return output->buffer + output->used;
}

int output_push(struct output *output, size_t size)
{
	output->used += size;
	return write_out(output);
}

int output_flush(struct output *output)
{
	end_direct(output->file, &output->direct);
	return write_out(output);
}

void output_end(struct output *output)
{
	end_direct(output->file, &output->direct);
	free(output->buffer);
}

int input_begin(struct input *input, int file, size_t piece_bytes)
{
	void *buffer;

	input->file = file;
	input->at = 0;
	input->end = 0;
	/* Parts of blocks before and behind a piece. */
	input->size = round_up(piece_bytes) + 2 * BLOCK_BYTES;
	errno = posix_memalign(&buffer, BLOCK_BYTES, input->size);
	if (errno)
		return -1;
	input->buffer = buffer;
	input->direct = begin_direct(file);
	return 0;
}

/* Moves what is left to the front, so that it ends with a block where it did before. */
static void make_room(struct input *input)
{
	size_t left = input->end - input->at;
	size_t at = input->direct ? round_up(left) - left : 0;

	memmove(input->buffer + at, input->buffer + input->at, left);
	input->at = at;
	input->end = at + left;
}

ssize_t input_take(struct input *input, size_t size, const void **bytes)
{
	if (input->end - input->at < size)
		make_room(input);
	while (input->end - input->at < size) {
		/* What follows in a pipe is for somebody else. */
		size_t wanted = input->direct ? input->size - input->end : size - (input->end - input->at);
		ssize_t n = read(input->file, input->buffer + input->end, wanted);

		if (n < 0 && (errno == EINTR || refused_direct(input->file, &input->direct)))
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		input->end += n;
	}
	if (size > input->end - input->at)
		size = input->end - input->at;
	*bytes = input->buffer + input->at;
	input->at += size;
	return size;
}

void input_end(struct input *input)
{
	end_direct(input->file, &input->direct);
	free(input->buffer);
}
