// SPDX-License-Identifier: GPL-2.0-only
#include "cow.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"

/* CRC-32C without tables: a store has a few blocks. */
uint32_t cow_crc32c(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++) {
		sum ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return sum;
}

static uint32_t checksum(const struct snapshot_store_head *head)
{
	return ~cow_crc32c(~0u, &head->number, SNAPSHOT_STORE_BLOCK - offsetof(struct snapshot_store_head, number));
}

static bool is_block(const struct snapshot_store_head *head, uint32_t number)
{
	return !memcmp(head->magic, SNAPSHOT_STORE_MAGIC, sizeof(head->magic)) &&
	       le32toh(head->number) == number &&
	       le32toh(head->checksum) == checksum(head);
}

bool cow_is_header(const void *block)
{
	return is_block(block, 0);
}

/* Block `number`, if it is one of a store. */
static bool read_block(int file, uint32_t number, void *block)
{
	return pread(file, block, SNAPSHOT_STORE_BLOCK, SNAPSHOT_STORE_OFFSET + (off_t)number * SNAPSHOT_STORE_BLOCK) ==
		       SNAPSHOT_STORE_BLOCK &&
	       is_block(block, number);
}

/*
 * All that changes in a header while a snapshot lives is in its first sector, which is written as a whole or not at all. So a
 * header that says "committing" and has a wrong checksum is not a torn one.
 */
enum cow_found cow_read_header(int file, struct snapshot_store_header *header)
{
	ssize_t length = pread(file, header, sizeof(*header), SNAPSHOT_STORE_OFFSET);

	if (length < 0)
		return COW_UNREADABLE;
	if (length != sizeof(*header) || memcmp(header->head.magic, SNAPSHOT_STORE_MAGIC, sizeof(header->head.magic)))
		return COW_NONE;
	if (cow_is_header(header))
		return COW_FOUND;
	return le32toh(header->state) == SNAPSHOT_STORE_COMMITTING ? COW_DAMAGED : COW_NONE;
}

int cow_write_header(int file, struct snapshot_store_header *header)
{
	header->head.checksum = htole32(checksum(&header->head));
	return pwrite(file, header, sizeof(*header), SNAPSHOT_STORE_OFFSET) == sizeof(*header) ? 0 : -1;
}

bool cow_read_map(int file, const struct snapshot_store_header *header, uint32_t number, struct snapshot_store_map *map)
{
	return read_block(file, number + 1, map) && !memcmp(map->head.uuid, header->head.uuid, sizeof(map->head.uuid));
}

void print_uuid(const uint8_t uuid[16])
{
	for (int i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static void print_devices(int file, const struct snapshot_store_header *header)
{
	struct snapshot_store_map map;
	uint32_t count = le32toh(header->nr_devices);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = i % SNAPSHOT_STORE_MAP_DEVICES;
		const struct snapshot_store_device *device = &map.device[place];

		if (!place && !cow_read_map(file, header, i / SNAPSHOT_STORE_MAP_DEVICES, &map)) {
			printf("devices: the list is damaged from number %u on\n", i);
			return;
		}
		printf("takes the writes of: %.*s, %llu bytes%s%.*s\n", (int)sizeof(device->name), device->name,
		       (ull)le64toh(device->bytes), device->id[0] ? ", " : "", (int)sizeof(device->id), device->id);
	}
}

bool cow_info(int file)
{
	static const char * const states[] = {
		[SNAPSHOT_STORE_LIVE] = "live; when that system has gone down, nobody can read it",
		[SNAPSHOT_STORE_COMMITTING] = "being committed; if that system has gone down, `snapctl recover` completes it",
		[SNAPSHOT_STORE_NO_RECOVERY] = "being committed without recovery; if that system has gone down, its filesystems are damaged",
		[SNAPSHOT_STORE_COMMITTED] = "committed; nothing of it is needed any more",
	};
	struct snapshot_store_header header;
	uint32_t state;

	/* The kernel that writes the header does so past the page cache, where an older one may be from an earlier look. */
	posix_fadvise(file, SNAPSHOT_STORE_OFFSET, SNAPSHOT_STORE_BLOCK, POSIX_FADV_DONTNEED);
	if (!read_block(file, 0, &header))
		return false;
	state = le32toh(header.state);
	printf("store of snapshot: ");
	print_uuid(header.head.uuid);
	printf("\nformat: version %u\nstate: %s\n", le32toh(header.version),
	       state < sizeof(states) / sizeof(*states) && states[state] ? states[state] : "unknown");
	printf("size: %llu bytes from byte %llu on, for %u devices\n",
	       (ull)le64toh(header.nr_chunks) * le32toh(header.chunk_bytes), (ull)le64toh(header.data_offset),
	       le32toh(header.nr_devices));
	print_devices(file, &header);
	return true;
}
