/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XXH32, the checksum of chunks, headers and fingerprints: in the guest it takes a quarter of the
 * instructions of a CRC by tables (the specification is doc/xxhash_spec.md of the xxHash project).
 */
#ifndef SNAPCTL_CHECKSUM_H
#define SNAPCTL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Pieces are chained by passing the sum of the one before as the seed of the next. */
uint32_t xxh32(uint32_t seed, const void *data, size_t size);

#endif
