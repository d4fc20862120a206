// SPDX-License-Identifier: GPL-2.0-only
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* A frame shorter than this has lost something: type, id, CRC. */
#define FRAME_BYTES_MIN 9

uint32_t frame_crc32(const uint8_t *bytes, size_t count)
{
	static uint32_t table[256];
	uint32_t crc = ~0u;

	if (!table[1]) {
		for (uint32_t n = 0; n < 256; n++) {
			uint32_t c = n;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
			table[n] = c;
		}
	}
	while (count--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
	return ~crc;
}

/* Encodes without the delimiter; answers the number of bytes. */
static size_t cobs_encode(const uint8_t *from, size_t count, uint8_t *to)
{
	size_t code_at = 0, used = 1;
	uint8_t code = 1;

	for (size_t i = 0; i < count; i++) {
		if (from[i]) {
			to[used++] = from[i];
			code++;
		}
		if (!from[i] || code == 0xff) {
			to[code_at] = code;
			code = 1;
			code_at = used++;
		}
	}
	to[code_at] = code;
	return used;
}

/* Decodes in place; answers the number of bytes, 0 for a malformed frame. */
static size_t cobs_decode(uint8_t *bytes, size_t count)
{
	size_t in = 0, out = 0;

	while (in < count) {
		uint8_t code = bytes[in++];

		if (!code || in + code - 1 > count)
			return 0;
		memmove(bytes + out, bytes + in, code - 1);
		in += code - 1;
		out += code - 1;
		if (code != 0xff && in < count)
			bytes[out++] = 0;
	}
	return out;
}

bool frame_take(struct frame_reader *reader, uint8_t byte, struct frame *frame)
{
	size_t count;
	bool overrun;

	if (byte) {
		if (reader->used < sizeof(reader->bytes))
			reader->bytes[reader->used++] = byte;
		else
			reader->overrun = true;
		return false;
	}
	overrun = reader->overrun;
	count = reader->used;
	reader->overrun = false;
	reader->used = 0;
	if (overrun || !count)
		return false;
	count = cobs_decode(reader->bytes, count);
	if (count < FRAME_BYTES_MIN ||
	    frame_crc32(reader->bytes, count - 4) != get_u32(reader->bytes + count - 4))
		return false;
	frame->type = reader->bytes[0];
	frame->id = get_u32(reader->bytes + 1);
	frame->payload = reader->bytes + 5;
	frame->payload_bytes = count - FRAME_BYTES_MIN;
	return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t count)
{
	while (count) {
		ssize_t n = write(fd, bytes, count);

		if (n > 0) {
			bytes += n;
			count -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };

			poll(&ready, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool frame_send(int fd, uint8_t type, uint32_t id, const void *payload, size_t payload_bytes)
{
	static uint8_t plain[FRAME_BYTES_MAX], encoded[ENCODED_BYTES_MAX + 1];
	size_t count = 5 + payload_bytes;

	plain[0] = type;
	put_u32(plain + 1, id);
	if (payload_bytes)
		memcpy(plain + 5, payload, payload_bytes);
	put_u32(plain + count, frame_crc32(plain, count));
	count = cobs_encode(plain, count + 4, encoded);
	encoded[count++] = 0;
	return write_all(fd, encoded, count);
}
