/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers in what is read from a disk, at any address: little-endian and big-endian ones. And how they are printed. */
#ifndef SNAPCTL_BYTES_H
#define SNAPCTL_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* What printf() takes for %llu, whatever a uint64_t is. */
typedef unsigned long long ull;

static inline uint16_t le16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return le16toh(value);
}

static inline uint32_t le32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static inline uint64_t le64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static inline uint32_t be32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

static inline uint64_t be64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return be64toh(value);
}

#endif
