// SPDX-License-Identifier: GPL-2.0-only
/*
 * find-bytes HEX...: looks for bytes, given in hexadecimal digits, in what it reads from stdin: as they are, and as these digits.
 * Status 0 if any of them are there, 1 if none are, 2 on an error. Each place goes to stdout: `HEX as bytes at N`, or `as digits`.
 * It keeps no copy of the bytes as they are: its own memory may be what is read. (As digits they are in its arguments.)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BYTES_MIN = 4, BYTES_MAX = 64, PIECE = 1 << 20 };

/* The last bytes of one piece, in which something may begin, and the next piece. */
static uint8_t buffer[BYTES_MAX * 2 + PIECE];

static int digit(char c)
{
	const char *place = c ? strchr("0123456789abcdef", c) : NULL;

	return place ? (int)(place - "0123456789abcdef") : -1;
}

static bool is_hex(const char *arg)
{
	size_t length = strlen(arg);

	for (size_t i = 0; i < length; i++)
		if (digit(arg[i]) < 0)
			return false;
	return length >= 2 * BYTES_MIN && length <= 2 * BYTES_MAX && length % 2 == 0;
}

static uint8_t byte_at(const char *hex)
{
	return digit(hex[0]) << 4 | digit(hex[1]);
}

static bool is_bytes(const uint8_t *at, const char *hex)
{
	for (; *hex; at++, hex += 2)
		if (*at != byte_at(hex))
			return false;
	return true;
}

/* What begins in the first `begins` bytes of the buffer, of which `filled` are valid. */
static bool find(const char *hex, bool digits, size_t begins, size_t filled, unsigned long long offset)
{
	size_t length = digits ? strlen(hex) : strlen(hex) / 2;
	uint8_t first = digits ? hex[0] : byte_at(hex);
	const uint8_t *at = buffer, *end = buffer + begins;
	bool found = false;

	for (; at < end && (at = memchr(at, first, end - at)); at++) {
		if (at + length > buffer + filled || !(digits ? !memcmp(at, hex, length) : is_bytes(at, hex)))
			continue;
		printf("%s as %s at %llu\n", hex, digits ? "digits" : "bytes", offset + (at - buffer));
		found = true;
	}
	return found;
}

/* As many bytes as fit, unless the end comes before. */
static ssize_t read_piece(uint8_t *to)
{
	ssize_t done = 0, got = 1;

	while (got > 0 && done < PIECE) {
		got = read(STDIN_FILENO, to + done, PIECE - done);
		if (got > 0)
			done += got;
	}
	return got < 0 ? -1 : done;
}

int main(int argc, char **argv)
{
	unsigned long long offset = 0;
	bool found = false;
	size_t kept = 0;
	ssize_t got;

	for (int i = 1; i < argc; i++)
		if (!is_hex(argv[i]))
			argc = 0;
	if (argc < 2) {
		fprintf(stderr, "usage: find-bytes HEX...: each %d to %d bytes, as pairs of digits 0-9a-f\n", BYTES_MIN,
			BYTES_MAX);
		return 2;
	}
	do {
		size_t filled, begins;

		got = read_piece(buffer + kept);
		if (got < 0) {
			fprintf(stderr, "find-bytes: stdin: %s\n", strerror(errno));
			return 2;
		}
		filled = kept + got;
		/* What begins later may have its end in the next piece. */
		begins = got == 0 ? filled : filled < 2 * BYTES_MAX ? 0 : filled - 2 * BYTES_MAX;
		for (int i = 1; i < argc; i++)
			found |= find(argv[i], true, begins, filled, offset) |
				 find(argv[i], false, begins, filled, offset);
		kept = filled - begins;
		offset += begins;
		memmove(buffer, buffer + begins, kept);
	} while (got > 0);
	return !found;
}
