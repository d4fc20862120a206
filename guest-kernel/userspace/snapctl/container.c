// SPDX-License-Identifier: GPL-2.0-only
/* Reading and writing containers. */
#include "container.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct snap_header) <= SNAP_HEADER_BYTES, "the header is one page");

int complain(const char *name, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "snapctl: %s: ", name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return -1;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	static uint32_t table[4][256];
	const uint8_t *bytes = data;

	if (!table[0][1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t value = i;

			for (int bit = 0; bit < 8; bit++)
				value = value >> 1 ^ (value & 1 ? 0x82f63b78U : 0);
			table[0][i] = value;
		}
		for (int slice = 1; slice < 4; slice++)
			for (int i = 0; i < 256; i++)
				table[slice][i] = table[slice - 1][i] >> 8 ^ table[0][table[slice - 1][i] & 255];
	}

	crc = ~crc;
	for (; size >= 4; size -= 4, bytes += 4) {
		uint32_t word;

		memcpy(&word, bytes, 4);
		crc ^= word;
		crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^ table[0][crc >> 24];
	}
	for (; size; size--)
		crc = crc >> 8 ^ table[0][(crc ^ *bytes++) & 255];
	return ~crc;
}

/* Reads until `size` bytes are there or the input ends. Answers how many, or -1. */
static ssize_t read_all(int from, void *buffer, size_t size)
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

static int write_all(int to, const void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(to, (const char *)buffer + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		done += n;
	}
	return 0;
}

static void seal_header(struct snap_header *header, uint8_t page[SNAP_HEADER_BYTES])
{
	header->checksum = crc32c(0, header, offsetof(struct snap_header, checksum));
	memset(page, 0, SNAP_HEADER_BYTES);
	memcpy(page, header, sizeof(*header));
}

int container_rewrite_header(int file, const char *name, struct snap_header *header)
{
	uint8_t page[SNAP_HEADER_BYTES];

	seal_header(header, page);
	if (pwrite(file, page, sizeof(page), 0) != (ssize_t)sizeof(page) || fsync(file))
		return complain(name, "cannot write the header: %s", strerror(errno));
	return 0;
}

static int write_chunk(int to, struct snap_chunk *chunk, const void *data)
{
	return write_all(to, chunk, sizeof(*chunk)) || write_all(to, data, chunk->stored_bytes) ? -1 : 0;
}

int container_write(int from, int to, const char *name, const struct snap_header *described)
{
	struct snap_header header = *described;
	struct snap_seal seal = { 0 };
	struct snap_chunk chunk = { .magic = SNAP_CHUNK_MAGIC };
	uint8_t page[SNAP_HEADER_BYTES];
	bool seekable = lseek(to, 0, SEEK_CUR) == 0;
	uint8_t *buffer = malloc(SNAP_CHUNK_BYTES);
	int result = -1;

	if (!buffer)
		return complain(name, "no memory for a buffer");

	seal_header(&header, page);
	if (write_all(to, page, sizeof(page)))
		goto cannot_write;
	for (;;) {
		ssize_t n = read_all(from, buffer, SNAP_CHUNK_BYTES);

		if (n < 0) {
			complain(name, "cannot read the image at byte %llu: %s", (unsigned long long)seal.image_bytes, strerror(errno));
			goto out;
		}
		if (!n)
			break;
		chunk.index = seal.chunks++;
		chunk.raw_bytes = chunk.stored_bytes = n;
		chunk.checksum = crc32c(0, buffer, n);
		seal.checksum = crc32c(seal.checksum, &chunk.checksum, sizeof(chunk.checksum));
		seal.image_bytes += n;
		if (write_chunk(to, &chunk, buffer))
			goto cannot_write;
	}
	if (header.image_bytes && header.image_bytes != seal.image_bytes) {
		complain(name, "the image has %llu bytes, but %llu were announced: it had been read in part before; take a new snapshot",
			 (unsigned long long)seal.image_bytes, (unsigned long long)header.image_bytes);
		goto out;
	}
	chunk.index = SNAP_SEAL_INDEX;
	chunk.raw_bytes = chunk.stored_bytes = sizeof(seal);
	chunk.checksum = crc32c(0, &seal, sizeof(seal));
	if (write_chunk(to, &chunk, &seal))
		goto cannot_write;
	if (seekable) {
		if (fsync(to))
			goto cannot_write;
		header.sealed = 1;
		header.seal = seal;
		result = container_rewrite_header(to, name, &header);
	} else {
		result = 0;
	}
out:
	free(buffer);
	return result;

cannot_write:
	complain(name, "cannot write after byte %llu of the image: %s", (unsigned long long)seal.image_bytes, strerror(errno));
	goto out;
}

int container_read_header(int from, const char *name, struct snap_header *header)
{
	uint8_t page[SNAP_HEADER_BYTES];
	ssize_t n = read_all(from, page, sizeof(page));

	if (n < 0)
		return complain(name, "cannot read the header: %s", strerror(errno));
	memcpy(header, page, sizeof(*header));
	if (n < (ssize_t)sizeof(page) || memcmp(header->magic, SNAP_MAGIC, sizeof(header->magic)))
		return complain(name, "is not an image of snapctl");
	if (header->version != SNAP_VERSION)
		return complain(name, "has format version %u, this program reads %u; use the program that wrote it", header->version, SNAP_VERSION);
	if (header->checksum != crc32c(0, header, offsetof(struct snap_header, checksum)))
		return complain(name, "its header is damaged");
	if (header->compression != SNAP_STORED || header->encryption != SNAP_PLAIN)
		return complain(name, "uses compression %u and encryption %u, which this program cannot read", header->compression, header->encryption);
	if (!header->chunk_bytes || header->chunk_bytes > 64U << 20 || header->filesystems > SNAP_FILESYSTEMS_MAX)
		return complain(name, "its header makes no sense");
	return 0;
}

/* Reads the next chunk whole and checks it against its own checksum. */
static int read_chunk(int from, const char *name, uint64_t offset, struct snap_chunk *chunk, void *buffer, uint32_t bytes_max)
{
	ssize_t n = read_all(from, chunk, sizeof(*chunk));

	if (n == (ssize_t)sizeof(*chunk) && (chunk->magic != SNAP_CHUNK_MAGIC || chunk->stored_bytes > bytes_max || chunk->raw_bytes != chunk->stored_bytes))
		return complain(name, "damaged at byte %llu of the file: no chunk begins there", (unsigned long long)offset);
	if (n == (ssize_t)sizeof(*chunk))
		n = read_all(from, buffer, chunk->stored_bytes) == (ssize_t)chunk->stored_bytes ? 1 : errno ? -1 : 0;
	else if (n >= 0)
		n = 0;
	if (n < 0)
		return complain(name, "cannot read at byte %llu of the file: %s", (unsigned long long)offset, strerror(errno));
	if (!n)
		return complain(name, "ends at byte %llu of the file, before its seal: saving it was interrupted", (unsigned long long)offset);
	if (chunk->checksum != crc32c(0, buffer, chunk->stored_bytes))
		return complain(name, "damaged: the chunk at byte %llu of the file does not have its checksum", (unsigned long long)offset);
	return 0;
}

int container_read_image(int from, int to, const char *name, const struct snap_header *header)
{
	struct snap_seal seal = { 0 }, expected;
	uint64_t offset = SNAP_HEADER_BYTES;
	uint8_t *buffer = malloc(header->chunk_bytes);
	struct snap_chunk chunk;
	int result = -1;

	if (!buffer)
		return complain(name, "no memory for a buffer");
	for (;; offset += sizeof(chunk) + chunk.stored_bytes) {
		errno = 0;
		if (read_chunk(from, name, offset, &chunk, buffer, header->chunk_bytes))
			goto out;
		if (chunk.index == SNAP_SEAL_INDEX)
			break;
		if (chunk.index != seal.chunks) {
			complain(name, "damaged: chunk %u stands at byte %llu of the file, where number %u belongs", chunk.index, (unsigned long long)offset, seal.chunks);
			goto out;
		}
		seal.chunks++;
		seal.image_bytes += chunk.raw_bytes;
		seal.checksum = crc32c(seal.checksum, &chunk.checksum, sizeof(chunk.checksum));
		if (to >= 0 && write_all(to, buffer, chunk.raw_bytes)) {
			complain(name, "the kernel does not take it at byte %llu of the image: %s (its messages tell more)",
				 (unsigned long long)(seal.image_bytes - chunk.raw_bytes), strerror(errno));
			goto out;
		}
	}
	memcpy(&expected, buffer, sizeof(expected));
	if (chunk.stored_bytes != sizeof(expected) || memcmp(&expected, &seal, sizeof(seal)) ||
	    (header->sealed && memcmp(&header->seal, &seal, sizeof(seal)))) {
		complain(name, "damaged: the seal does not fit what is sealed");
		goto out;
	}
	result = 0;
out:
	free(buffer);
	return result;
}
