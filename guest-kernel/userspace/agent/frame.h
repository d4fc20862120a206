/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames on the agent channel.
 *
 * A frame is type (1 byte), id (4), payload, CRC-32 over all before it (4); all numbers
 * little-endian. It is COBS-encoded, so that it holds no zero byte, and ends with one zero byte.
 * Whatever stands before a zero byte and is not a good frame is dropped: half a frame cannot harm
 * the next.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Payload bytes of the longest frame, and of the longest piece of a file or an output. */
#define PAYLOAD_BYTES_MAX 36864
#define CHUNK_BYTES_MAX 32768
#define FRAME_BYTES_MAX (PAYLOAD_BYTES_MAX + 9)
#define ENCODED_BYTES_MAX (FRAME_BYTES_MAX + FRAME_BYTES_MAX / 254 + 2)

struct frame {
	uint8_t type;
	uint32_t id;
	const uint8_t *payload;
	size_t payload_bytes;
};

/* Collects bytes until a delimiter. */
struct frame_reader {
	uint8_t bytes[ENCODED_BYTES_MAX];
	size_t used;
	bool overrun;
};

/* Takes one byte. True when it completed a good frame; the frame lives until the next call. */
bool frame_take(struct frame_reader *reader, uint8_t byte, struct frame *frame);

/* Writes a whole frame to fd, waiting as long as it takes. False when the channel is gone. */
bool frame_send(int fd, uint8_t type, uint32_t id, const void *payload, size_t payload_bytes);

uint32_t frame_crc32(const uint8_t *bytes, size_t count);

static inline void put_u32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = value >> 8 * i;
}

static inline uint32_t get_u32(const uint8_t *from)
{
	return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

#endif
