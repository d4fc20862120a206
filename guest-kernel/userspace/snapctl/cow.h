/* SPDX-License-Identifier: GPL-2.0-only */
/* The store of a live timeline on a block device: what its header tells. */
#ifndef SNAPCTL_COW_H
#define SNAPCTL_COW_H

#include <stdbool.h>
#include <stdint.h>

/* "store of snapshot: UUID" and the like on stdout. False, without a word, when `file` holds none. */
bool cow_info(int file);

/* A UUID as text, without a newline. */
void print_uuid(const uint8_t uuid[16]);

#endif
