/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's <linux/snapshot_store.h> tells, for a C library that does not have it yet; see there. */
#ifndef SNAPSHOT_STORE_H
#define SNAPSHOT_STORE_H

#include <stdint.h>

/* Numbers are little-endian. */
#define SNAPSHOT_STORE_OFFSET		(128 * 1024)
#define SNAPSHOT_STORE_BLOCK		4096
#define SNAPSHOT_STORE_MAGIC		"snapshot store\r\n"
#define SNAPSHOT_STORE_VERSION		2

#define SNAPSHOT_STORE_LIVE		1
#define SNAPSHOT_STORE_COMMITTING	2
#define SNAPSHOT_STORE_COMMITTED	3
#define SNAPSHOT_STORE_NO_RECOVERY	4

struct snapshot_store_head {
	uint8_t magic[16];
	uint8_t uuid[16];
	uint32_t checksum;
	uint32_t number;
};

struct snapshot_store_header {
	struct snapshot_store_head head;
	uint32_t version;
	uint32_t state;
	uint32_t chunk_bytes;
	uint32_t nr_devices;
	uint64_t nr_chunks;
	uint64_t metadata_offset;
	uint64_t data_offset;
	uint64_t used_chunks;
	char cipher[64];
	uint8_t key[64];
	uint8_t reserved[SNAPSHOT_STORE_BLOCK - 216];
};

struct snapshot_store_device {
	uint64_t bytes;
	char name[32];
	char id[160];
};

#define SNAPSHOT_STORE_MAP_DEVICES	20

struct snapshot_store_map {
	struct snapshot_store_head head;
	struct snapshot_store_device device[SNAPSHOT_STORE_MAP_DEVICES];
	uint8_t reserved[SNAPSHOT_STORE_BLOCK - 40 -
		      SNAPSHOT_STORE_MAP_DEVICES * 200];
};

struct snapshot_store_entry {
	uint64_t chunk;
	uint32_t device;
	uint8_t valid;
	uint8_t check[3];
};

#define SNAPSHOT_STORE_ENTRIES		255

struct snapshot_store_entries {
	uint8_t reserved[16];
	struct snapshot_store_entry entry[SNAPSHOT_STORE_ENTRIES];
};

#endif
