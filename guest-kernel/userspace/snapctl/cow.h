/* SPDX-License-Identifier: GPL-2.0-only */
/* The store of a live timeline on a block device: what its header tells. */
#ifndef SNAPCTL_COW_H
#define SNAPCTL_COW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../snapshot_store.h"

/* "store of snapshot: UUID" and the like on stdout. False, without a word, when `file` holds none. */
bool cow_info(int file);

/* Is this block of SNAPSHOT_STORE_BLOCK bytes the header of a store? */
bool cow_is_header(const void *block);

enum cow_found {
	COW_NONE,		/* no store, or one whose header has never been written to its end */
	COW_FOUND,
	COW_DAMAGED,		/* a store that was being committed, and whose header is not as it was written */
	COW_UNREADABLE,		/* see errno */
};

/* The header of the store in `file`. */
enum cow_found cow_read_header(int file, struct snapshot_store_header *header);

/* Gives it its checksum and writes it. 0, or -1 and errno. */
int cow_write_header(int file, struct snapshot_store_header *header);

/* The map with this number, from 0 on. False when it is not one of this store. */
bool cow_read_map(int file, const struct snapshot_store_header *header, uint32_t number,
		  struct snapshot_store_map *map);

/* CRC-32C without its inversions: begin with ~0, and invert the last sum. */
uint32_t cow_crc32c(uint32_t sum, const void *data, size_t size);

/* A UUID as text, without a newline. */
void print_uuid(const uint8_t uuid[16]);

#endif
