// SPDX-License-Identifier: GPL-2.0-only
#include "vfat.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

#define TABLE_BYTES_MAX (16U << 20)
#define FOLDER_CLUSTERS_MAX 65536U
#define ENTRY_BYTES 32
#define PIECE_BYTES 4096U

struct vfat {
	struct reading *reading;
	uint32_t sector_bytes, cluster_bytes, clusters;
	uint64_t data_offset;	/* of cluster 2 */
	int width;		/* bits of an entry of the table: 12, 16 or 32 */
	uint8_t *table;
	uint32_t table_bytes;
	/* Clusters at which folders begin that are still to be read. */
	uint32_t *queue, queued, clusters_read;
	uint32_t sum;
};

static uint32_t number(const uint8_t *bytes, int size)
{
	uint32_t value = 0;

	while (size--)
		value = value << 8 | bytes[size];
	return value;
}

static bool sum_range(struct reading *reading, uint64_t at, uint32_t size, uint32_t *sum)
{
	while (size) {
		uint32_t piece = size < PIECE_BYTES ? size : PIECE_BYTES;
		const uint8_t *bytes = reading_at(reading, at, piece);

		if (!bytes)
			return false;
		*sum = xxh32(*sum, bytes, piece);
		at += piece;
		size -= piece;
	}
	return true;
}

/* The cluster after this one in a chain, 0 at its end. */
static uint32_t next_cluster(const struct vfat *fat, uint32_t cluster)
{
	uint32_t at = (uint64_t)cluster * fat->width / 8, value;

	if (at + 4 > fat->table_bytes)
		return 0;
	value = number(fat->table + at, fat->width == 32 ? 4 : 2);
	if (fat->width == 12)
		value = cluster & 1 ? value >> 4 : value & 0xfff;
	value &= 0x0fffffff;
	return value >= 2 && value < fat->clusters + 2 ? value : 0;
}

/* Takes the entries of a piece of a folder into the sum, and folders in it into the queue. */
static void read_entries(struct vfat *fat, const uint8_t *entries, uint32_t size)
{
	fat->sum = xxh32(fat->sum, entries, size);
	for (const uint8_t *entry = entries; entry + ENTRY_BYTES <= entries + size;
	     entry += ENTRY_BYTES) {
		uint32_t cluster = number(entry + 26, 2) | number(entry + 20, 2) << 16;

		/* Not free, not "." or "..", a folder, and no piece of a long name. */
		if (!entry[0] || entry[0] == 0xe5 || entry[0] == '.' ||
		    (entry[11] & 0x18) != 0x10)
			continue;
		if (fat->width != 32)
			cluster &= 0xffff;
		if (cluster >= 2 && cluster < fat->clusters + 2 &&
		    fat->queued < FOLDER_CLUSTERS_MAX)
			fat->queue[fat->queued++] = cluster;
	}
}

static bool read_folder_range(struct vfat *fat, uint64_t at, uint32_t size)
{
	while (size) {
		uint32_t piece = size < PIECE_BYTES ? size : PIECE_BYTES;
		const uint8_t *bytes = reading_at(fat->reading, at, piece);

		if (!bytes)
			return false;
		read_entries(fat, bytes, piece);
		at += piece;
		size -= piece;
	}
	return true;
}

static void read_folder(struct vfat *fat, uint32_t cluster)
{
	for (; cluster && fat->clusters_read < FOLDER_CLUSTERS_MAX;
	     cluster = next_cluster(fat, cluster)) {
		uint64_t at = fat->data_offset + (uint64_t)(cluster - 2) * fat->cluster_bytes;

		fat->clusters_read++;
		if (!read_folder_range(fat, at, fat->cluster_bytes))
			return;
	}
}

static bool load_table(struct vfat *fat, uint64_t at, uint32_t size)
{
	fat->table_bytes = size < TABLE_BYTES_MAX ? size : TABLE_BYTES_MAX;
	fat->table = malloc(fat->table_bytes);
	fat->queue = malloc(FOLDER_CLUSTERS_MAX * sizeof(*fat->queue));
	if (!fat->table || !fat->queue)
		return false;
	for (uint32_t done = 0; done < fat->table_bytes;) {
		uint32_t left = fat->table_bytes - done;
		uint32_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
		const uint8_t *bytes = reading_at(fat->reading, at + done, piece);

		if (!bytes)
			return false;
		memcpy(fat->table + done, bytes, piece);
		done += piece;
	}
	return true;
}

bool vfat_sum(struct reading *reading, struct vfat_sum *sum)
{
	struct vfat fat = { .reading = reading };
	uint32_t reserved, tables, table_sectors, root_bytes, root_cluster, folder;
	uint64_t sectors, root_offset;
	const uint8_t *boot = reading_at(reading, 0, 512);
	bool done = false;

	if (!boot)
		return false;
	fat.sector_bytes = number(boot + 11, 2);
	fat.cluster_bytes = boot[13] * fat.sector_bytes;
	reserved = number(boot + 14, 2);
	tables = boot[16];
	root_bytes = number(boot + 17, 2) * ENTRY_BYTES;
	sectors = number(boot + 19, 2) ? number(boot + 19, 2) : number(boot + 32, 4);
	table_sectors = number(boot + 22, 2) ? number(boot + 22, 2) : number(boot + 36, 4);
	root_cluster = number(boot + 44, 4);
	if (fat.sector_bytes < 512 || fat.sector_bytes > 4096 || !fat.cluster_bytes || !tables)
		return false;
	root_offset = (reserved + (uint64_t)tables * table_sectors) * fat.sector_bytes;
	fat.data_offset = root_offset + root_bytes;
	if (sectors * fat.sector_bytes < fat.data_offset)
		return false;
	fat.clusters = (sectors * fat.sector_bytes - fat.data_offset) / fat.cluster_bytes;
	fat.width = fat.clusters < 4085 ? 12 : fat.clusters < 65525 ? 16 : 32;

	if (sum_range(reading, 0, reserved * fat.sector_bytes, &sum->boot) &&
	    load_table(&fat, (uint64_t)reserved * fat.sector_bytes,
		       table_sectors * fat.sector_bytes)) {
		sum->table = xxh32(0, fat.table, fat.table_bytes);
		if (root_bytes)
			read_folder_range(&fat, root_offset, root_bytes);
		else
			read_folder(&fat, root_cluster);
		for (folder = 0; folder < fat.queued; folder++)
			read_folder(&fat, fat.queue[folder]);
		sum->folders = fat.sum;
		done = true;
	}
	free(fat.queue);
	free(fat.table);
	return done;
}
