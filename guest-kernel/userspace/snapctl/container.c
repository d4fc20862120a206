// SPDX-License-Identifier: GPL-2.0-only
/* Reading and writing containers. */
#include "container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "bytes.h"
#include "checksum.h"
#include "complain.h"
#include "stream.h"

#define STATE_MAGIC "SNAPSEAL"
/* Chunks that zstd does not make smaller by a sixteenth are stored: reading them is quicker. */
#define WORTH_IT(raw, packed) ((packed) < (raw) - (raw) / 16)

_Static_assert(sizeof(struct snap_filesystem) == 88, "layout");
_Static_assert(sizeof(struct snap_store) == 80, "layout");
_Static_assert(offsetof(struct snap_header, store) == 3368, "layout");
_Static_assert(sizeof(struct snap_header) == 3584, "the state has a sector of its own");
_Static_assert(sizeof(struct snap_state) == 512, "the state is one sector");
_Static_assert(sizeof(struct snap_header) + sizeof(struct snap_state) == SNAP_CHUNKS_OFFSET,
	       "chunks follow the state");

static uint32_t header_checksum(const struct snap_header *header)
{
	return xxh32(0, header, offsetof(struct snap_header, checksum));
}

static uint32_t state_checksum(const struct snap_header *header, const struct snap_state *state)
{
	return xxh32(header->checksum, state, offsetof(struct snap_state, checksum));
}

static uint32_t chunk_checksum(const struct snap_chunk *chunk, const void *stored)
{
	uint32_t head = xxh32(0, chunk, offsetof(struct snap_chunk, checksum));

	return xxh32(head, stored, chunk->stored_bytes);
}

static void name_state(const struct snap_header *header, struct snap_state *state,
		       enum snap_progress progress)
{
	memcpy(state->magic, STATE_MAGIC, sizeof(state->magic));
	state->progress = progress;
	state->checksum = state_checksum(header, state);
}

/* Writing. */

struct writer {
	struct output output;
	struct snap_seal seal;
	ZSTD_CCtx *zstd;	/* NULL: nothing is compressed */
	int level;
	void *raw;		/* what is to be compressed */
};

/* Where the stored bytes of the next chunk are put together. */
static void *stored_bytes(const struct writer *writer)
{
	return (char *)output_room(&writer->output) + sizeof(struct snap_chunk);
}

/* Writes a chunk whose stored bytes are in their place. */
static int write_chunk(struct writer *writer, struct snap_chunk *chunk)
{
	chunk->magic = SNAP_CHUNK_MAGIC;
	chunk->checksum = chunk_checksum(chunk, stored_bytes(writer));
	memcpy(output_room(&writer->output), chunk, sizeof(*chunk));
	return output_push(&writer->output, sizeof(*chunk) + chunk->stored_bytes);
}

/* Puts the raw bytes into their place, smaller if that is worth it. */
static void pack(struct writer *writer, struct snap_chunk *chunk)
{
	size_t packed = ZSTD_compressCCtx(writer->zstd, stored_bytes(writer), ZSTD_COMPRESSBOUND(SNAP_CHUNK_BYTES),
					  writer->raw, chunk->raw_bytes, writer->level);

	if (ZSTD_isError(packed) || !WORTH_IT(chunk->raw_bytes, packed)) {
		memcpy(stored_bytes(writer), writer->raw, chunk->raw_bytes);
		return;
	}
	chunk->encoding = SNAP_ZSTD;
	chunk->stored_bytes = packed;
}

/* Writes the next bytes of the image, which are where they were read to. */
static int write_piece(struct writer *writer, size_t size)
{
	struct snap_chunk chunk = { .index = writer->seal.chunks, .raw_bytes = size, .stored_bytes = size };

	if (writer->zstd)
		pack(writer, &chunk);
	if (write_chunk(writer, &chunk))
		return -1;
	writer->seal.chunks++;
	writer->seal.image_bytes += size;
	writer->seal.stored_bytes += chunk.stored_bytes;
	writer->seal.checksum = xxh32(writer->seal.checksum, &chunk.checksum,
				      sizeof(chunk.checksum));
	return 0;
}

/* All of the input as chunks. 1 when it ended, 0 when it could not be written, -1 when not read. */
static int write_pieces(struct writer *writer, int from)
{
	for (;;) {
		void *to = writer->zstd ? writer->raw : stored_bytes(writer);
		ssize_t n = read_all(from, to, SNAP_CHUNK_BYTES);

		if (n < 0)
			return -1;
		if (!n)
			return 1;
		if (write_piece(writer, n))
			return 0;
	}
}

static int write_seal(struct writer *writer)
{
	struct snap_chunk chunk = {
		.index = SNAP_SEAL_INDEX,
		.raw_bytes = sizeof(writer->seal),
		.stored_bytes = sizeof(writer->seal),
	};

	memcpy(stored_bytes(writer), &writer->seal, sizeof(writer->seal));
	return write_chunk(writer, &chunk) || output_flush(&writer->output) ? -1 : 0;
}

static int write_head(struct writer *writer, const struct snap_header *header, const struct snap_state *state)
{
	char *room = output_room(&writer->output);

	memcpy(room, header, sizeof(*header));
	memcpy(room + sizeof(*header), state, sizeof(*state));
	return output_push(&writer->output, sizeof(*header) + sizeof(*state));
}

static int write_state(int file, const struct snap_state *state)
{
	ssize_t n = pwrite(file, state, sizeof(*state), sizeof(struct snap_header));

	if (n >= 0 && n != (ssize_t)sizeof(*state))
		errno = EIO;
	return n == (ssize_t)sizeof(*state) && !fsync(file) ? 0 : -1;
}

/* Header, chunks and seal, and the state that names it. 0, or -1 with the reason said. */
static int write_container(struct writer *writer, int from, const char *from_name,
			   const char *to_name, const struct snap_header *header)
{
	struct snap_state state = { 0 };
	ull expected = header->image_bytes;
	int file = writer->output.file;
	int read;

	name_state(header, &state, SNAP_OPEN);
	if (write_head(writer, header, &state))
		goto cannot_write;
	/* An older image in this place must not seem to be whole while this one replaces it. */
	if (!(header->flags & SNAP_STREAMED) && fsync(file))
		goto cannot_write;

	read = write_pieces(writer, from);
	if (read < 0)
		return complain(from_name, "cannot be read at byte %llu of the image: %s",
				(ull)writer->seal.image_bytes, strerror(errno));
	if (!read)
		goto cannot_write;
	if (expected && expected != writer->seal.image_bytes)
		return complain(from_name, "ended at byte %llu of the image, which has %llu: something else has read of it; take a new snapshot",
				(ull)writer->seal.image_bytes, expected);
	if (!writer->seal.image_bytes)
		return complain(from_name, "holds no image");

	if (write_seal(writer))
		goto cannot_write;
	if (header->flags & SNAP_STREAMED)
		return 0;
	if (fsync(file))
		goto cannot_write;
	state.seal = writer->seal;
	name_state(header, &state, SNAP_SEALED);
	if (!write_state(file, &state))
		return 0;

cannot_write:
	return complain(to_name, "cannot be written after byte %llu of the image: %s%s",
			(ull)writer->seal.image_bytes, strerror(errno), remedy_for_writing(errno));
}

int container_write(int from, const char *from_name, int to, const char *to_name,
		    const struct snap_header *described, const struct container_options *options)
{
	struct snap_header header = *described;
	struct writer writer = { .level = options->level };
	bool ready;
	int result;

	memcpy(header.magic, SNAP_MAGIC, sizeof(header.magic));
	header.version = SNAP_VERSION;
	header.chunks_offset = SNAP_CHUNKS_OFFSET;
	header.chunk_bytes = SNAP_CHUNK_BYTES;
	if (lseek(to, 0, SEEK_CUR) != 0)
		header.flags |= SNAP_STREAMED;
	header.compression = options->compress ? SNAP_ZSTD : SNAP_STORED;
	header.checksum = header_checksum(&header);

	ready = !output_begin(&writer.output, to, sizeof(struct snap_chunk) + ZSTD_COMPRESSBOUND(SNAP_CHUNK_BYTES));
	if (options->compress) {
		writer.raw = malloc(SNAP_CHUNK_BYTES);
		writer.zstd = ZSTD_createCCtx();
		ready = ready && writer.raw && writer.zstd;
	}
	if (!ready)
		result = complain(to_name, "no memory for buffers");
	else
		result = write_container(&writer, from, from_name, to_name, &header);
	ZSTD_freeCCtx(writer.zstd);
	free(writer.raw);
	output_end(&writer.output);
	return result;
}

/* Reading. */

static int check_header(const char *name, const struct snap_header *header)
{
	if (header->version != SNAP_VERSION)
		return complain(name, "has format version %u, this program reads %u; use the snapctl that wrote it",
				header->version, SNAP_VERSION);
	if (header->checksum != header_checksum(header))
		return complain(name, "damaged: the header, bytes 0 to %zu, does not have its checksum; remove the image, or fetch it again from where it came",
				sizeof(*header) - 1);
	if (header->cipher != SNAP_PLAIN)
		return complain(name, "is encrypted (cipher %u), which this snapctl cannot read; use one that can",
				header->cipher);
	if (header->compression > SNAP_ZSTD)
		return complain(name, "is compressed by method %u, which this snapctl cannot read; use the one that wrote it",
				header->compression);
	if (header->chunks_offset != SNAP_CHUNKS_OFFSET || !header->chunk_bytes ||
	    header->chunk_bytes > SNAP_CHUNK_BYTES_MAX ||
	    header->filesystems > SNAP_FILESYSTEMS_MAX)
		return complain(name, "has a header that makes no sense; use the snapctl that wrote it");
	return 0;
}

int container_open(struct container *container, int file, const char *name)
{
	struct snap_header *header = &container->header;
	struct snap_state *state = &container->state;
	ssize_t n;

	container->name = name;
	container->file = file;
	memset(header, 0, sizeof(*header));
	n = read_all(file, header, sizeof(*header));
	if (n < 0)
		return complain(name, "cannot be read at byte 0: %s", strerror(errno));
	if (n < (ssize_t)sizeof(header->magic) ||
	    memcmp(header->magic, SNAP_MAGIC, sizeof(header->magic)))
		return complain(name, "is not an image of snapctl");
	if (n < (ssize_t)sizeof(*header) || read_all(file, state, sizeof(*state)) != sizeof(*state))
		return complain(name, "ends within its header: saving it was interrupted; remove it");
	if (check_header(name, header))
		return -1;
	if (memcmp(state->magic, STATE_MAGIC, sizeof(state->magic)) ||
	    state->progress > SNAP_USED || state->checksum != state_checksum(header, state))
		return complain(name, "damaged: the sector at byte %zu does not have its checksum; remove the image, or fetch it again from where it came",
				sizeof(*header));
	return 0;
}

int container_check_sealed(const struct container *container)
{
	if (container->state.progress != SNAP_OPEN || container->header.flags & SNAP_STREAMED)
		return 0;
	return complain(container->name, "is not sealed: saving it was interrupted; remove it");
}

struct reader {
	const struct container *container;
	struct input input;
	uint64_t offset;	/* of the current chunk in the file */
	ZSTD_DCtx *zstd;
	const void *stored;	/* of the current chunk */
	void *raw;		/* what was compressed */
};

static int cannot_read(const struct reader *reader, ssize_t n)
{
	const char *name = reader->container->name;
	ull offset = reader->offset;

	if (n < 0)
		return complain(name, "cannot be read at byte %llu: %s", offset, strerror(errno));
	return complain(name, "ends in the chunk at byte %llu, before its seal: saving it was interrupted, or the file was cut short; remove it",
			offset);
}

/* Reads the next chunk whole and checks it against its own checksum. */
static int read_chunk(struct reader *reader, struct snap_chunk *chunk)
{
	uint32_t bytes_max = reader->container->header.chunk_bytes;
	const char *name = reader->container->name;
	const void *head;
	ssize_t n = input_take(&reader->input, sizeof(*chunk), &head);

	if (n != (ssize_t)sizeof(*chunk))
		return cannot_read(reader, n);
	memcpy(chunk, head, sizeof(*chunk));
	if (chunk->magic != SNAP_CHUNK_MAGIC || chunk->raw_bytes > bytes_max ||
	    chunk->stored_bytes > chunk->raw_bytes)
		return complain(name, "damaged: no chunk begins at byte %llu, where one should; remove the image, or fetch it again from where it came",
				(ull)reader->offset);
	n = input_take(&reader->input, chunk->stored_bytes, &reader->stored);
	if (n != (ssize_t)chunk->stored_bytes)
		return cannot_read(reader, n);
	if (chunk->checksum != chunk_checksum(chunk, reader->stored))
		return complain(name, "damaged: the chunk at byte %llu does not have its checksum; remove the image, or fetch it again from where it came",
				(ull)reader->offset);
	return 0;
}

/* The content of a chunk, or NULL with the reason said. */
static const void *unpack_chunk(struct reader *reader, const struct snap_chunk *chunk)
{
	const char *name = reader->container->name;
	size_t raw = chunk->stored_bytes;

	if (chunk->encoding == SNAP_STORED && raw == chunk->raw_bytes)
		return reader->stored;
	/* Without zstd where the header says that nothing is compressed. */
	if (chunk->encoding == SNAP_ZSTD && reader->zstd)
		raw = ZSTD_decompressDCtx(reader->zstd, reader->raw, chunk->raw_bytes,
					  reader->stored, chunk->stored_bytes);
	if (chunk->encoding == SNAP_ZSTD && reader->zstd && raw == chunk->raw_bytes)
		return reader->raw;
	complain(name, "damaged: the chunk at byte %llu cannot be unpacked (%s); remove the image",
		 (ull)reader->offset,
		 ZSTD_isError(raw) ? ZSTD_getErrorName(raw) : "its size is another");
	return NULL;
}

static int read_chunks(struct reader *reader, int to, const char *to_name, struct snap_seal *seal)
{
	const struct container *container = reader->container;
	struct snap_chunk chunk;
	const void *content;

	for (;; reader->offset += sizeof(chunk) + chunk.stored_bytes) {
		if (read_chunk(reader, &chunk))
			return -1;
		if (chunk.index == SNAP_SEAL_INDEX)
			break;
		if (chunk.index != seal->chunks)
			return complain(container->name, "damaged: chunk %u stands at byte %llu, where number %u belongs; remove the image",
					chunk.index, (ull)reader->offset, seal->chunks);
		content = unpack_chunk(reader, &chunk);
		if (!content)
			return -1;
		if (to >= 0 && write_all(to, content, chunk.raw_bytes))
			return complain(to_name, "does not take the image at about byte %llu: %s",
					(ull)seal->image_bytes, strerror(errno));
		seal->chunks++;
		seal->image_bytes += chunk.raw_bytes;
		seal->stored_bytes += chunk.stored_bytes;
		seal->checksum = xxh32(seal->checksum, &chunk.checksum, sizeof(chunk.checksum));
	}
	if (chunk.stored_bytes != sizeof(*seal) || memcmp(reader->stored, seal, sizeof(*seal)) ||
	    (container->state.progress != SNAP_OPEN && container->state.seal.chunks &&
	     memcmp(&container->state.seal, seal, sizeof(*seal))))
		return complain(container->name, "damaged: the seal at byte %llu is not of these chunks; remove the image",
				(ull)reader->offset);
	return 0;
}

int container_read(const struct container *container, int to, const char *to_name,
		   struct snap_seal *seal)
{
	struct reader reader = { .container = container, .offset = SNAP_CHUNKS_OFFSET };
	uint32_t chunk_bytes = container->header.chunk_bytes;
	bool ready;
	int result;

	memset(seal, 0, sizeof(*seal));
	ready = !input_begin(&reader.input, container->file, sizeof(struct snap_chunk) + chunk_bytes);
	if (container->header.compression == SNAP_ZSTD) {
		reader.raw = malloc(chunk_bytes);
		reader.zstd = ZSTD_createDCtx();
		ready = ready && reader.raw && reader.zstd;
	}
	if (!ready)
		result = complain(container->name, "no memory for buffers");
	else
		result = read_chunks(&reader, to, to_name, seal);
	ZSTD_freeDCtx(reader.zstd);
	free(reader.raw);
	input_end(&reader.input);
	return result;
}

int container_verify(int file, const char *name, struct snap_seal *seal)
{
	struct container container;

	return container_open(&container, file, name) || container_check_sealed(&container) ||
		container_read(&container, -1, NULL, seal) ? -1 : 0;
}

int container_mark_used(struct container *container, int file)
{
	container->state.used = time(NULL);
	name_state(&container->header, &container->state, SNAP_USED);
	if (!write_state(file, &container->state))
		return 0;
	return complain(container->name, "cannot be marked as used at byte %zu: %s%s",
			sizeof(container->header), strerror(errno), remedy_for_writing(errno));
}
