// SPDX-License-Identifier: GPL-2.0-only
#include "checksum.h"

#include <string.h>

#define PRIME1 0x9e3779b1U
#define PRIME2 0x85ebca77U
#define PRIME3 0xc2b2ae3dU
#define PRIME4 0x27d4eb2fU
#define PRIME5 0x165667b1U

static inline uint32_t rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

static inline uint32_t word(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t stripe(uint32_t lane, const uint8_t *bytes)
{
	return rotate(lane + word(bytes) * PRIME2, 13) * PRIME1;
}

uint32_t xxh32(uint32_t seed, const void *data, size_t size)
{
	const uint8_t *bytes = data, *end = bytes + size;
	uint32_t sum = seed + PRIME5;

	if (size >= 16) {
		uint32_t a = seed + PRIME1 + PRIME2, b = seed + PRIME2, c = seed, d = seed - PRIME1;

		for (; end - bytes >= 16; bytes += 16) {
			a = stripe(a, bytes);
			b = stripe(b, bytes + 4);
			c = stripe(c, bytes + 8);
			d = stripe(d, bytes + 12);
		}
		sum = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
	}
	sum += size;
	for (; end - bytes >= 4; bytes += 4)
		sum = rotate(sum + word(bytes) * PRIME3, 17) * PRIME4;
	for (; bytes < end; bytes++)
		sum = rotate(sum + *bytes * PRIME5, 11) * PRIME1;
	sum = (sum ^ sum >> 15) * PRIME2;
	sum = (sum ^ sum >> 13) * PRIME3;
	return sum ^ sum >> 16;
}
