// SPDX-License-Identifier: GPL-2.0-only
#include "partition-id.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "place.h"

#define SECTOR_BYTES 512
#define GPT_ENTRIES_MAX 1024

/* The first three parts of a GUID are little-endian numbers. */
static void print_guid(const uint8_t *g, char uuid[PARTUUID_BYTES])
{
	snprintf(uuid, PARTUUID_BYTES,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2], g[1], g[0],
		 g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static bool gpt_uuid(struct reading *disk, uint32_t block_bytes, uint64_t first_block, char uuid[PARTUUID_BYTES])
{
	const uint8_t *header = reading_at(disk, block_bytes, 512), *entry;
	uint64_t entries;
	uint32_t count, entry_bytes;

	if (!header || memcmp(header, "EFI PART", 8))
		return false;
	entries = le64(header + 72) * block_bytes;
	count = le32(header + 80);
	entry_bytes = le32(header + 84);
	for (uint32_t i = 0; i < count && i < GPT_ENTRIES_MAX; i++) {
		entry = reading_at(disk, entries + (uint64_t)i * entry_bytes, 128);
		if (!entry)
			break;
		if (le64(entry + 32) == first_block && le64(entry + 40) >= first_block) {
			print_guid(entry + 16, uuid);
			return true;
		}
	}
	return false;
}

bool partition_uuid(const char *name, char uuid[PARTUUID_BYTES])
{
	uint32_t number = place_number(name, "partition"), block_bytes;
	struct place disk = { 0 };
	struct reading reading;
	const uint8_t *first;
	bool found;

	if (!number || !place_disk(name, disk.device))
		return false;
	disk.size_bytes = place_number(disk.device, "size") * SECTOR_BYTES;
	block_bytes = place_number(disk.device, "queue/logical_block_size");
	if (block_bytes < SECTOR_BYTES || reading_begin(&reading, &disk))
		return false;
	found = gpt_uuid(&reading, block_bytes, place_number(name, "start") * SECTOR_BYTES / block_bytes, uuid);
	first = found ? NULL : reading_at(&reading, 0, SECTOR_BYTES);
	if (first && first[510] == 0x55 && first[511] == 0xaa && le32(first + 440)) {
		snprintf(uuid, PARTUUID_BYTES, "%08x-%02x", le32(first + 440), number);
		found = true;
	}
	reading_end(&reading);
	return found;
}
