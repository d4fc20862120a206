// SPDX-License-Identifier: GPL-2.0-only
#include "fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "vfat.h"

/* Two sums with different seeds: 64 bits. */
struct digest {
	uint32_t low, high;
};

static void digest_add(struct digest *digest, const void *data, size_t size)
{
	digest->low = xxh32(digest->low, data, size);
	digest->high = xxh32(~digest->high, data, size);
}

/* What a look at one kind gathers. */
struct look {
	struct reading *reading;
	enum snap_completeness complete;
	uint8_t *uuid;		/* 16 bytes */
	struct digest digest;
};

/* Adds a range to the digest; false when it cannot be read. */
static bool look_at(struct look *look, uint64_t offset, uint32_t size)
{
	const uint8_t *bytes = reading_at(look->reading, offset, size);

	if (bytes)
		digest_add(&look->digest, bytes, size);
	return bytes;
}

/*
 * ext2, ext3, ext4 (Documentation/filesystems/ext4/super.rst): mounting for writing notes time and
 * count in the superblock, checking and tuning note their time.
 */
static bool look_ext4(struct look *look)
{
	const uint8_t *super = reading_at(look->reading, 1024, 1024);

	if (!super || le16(super + 0x38) != 0xef53)
		return false;
	memcpy(look->uuid, super + 0x68, 16);
	if (look->complete) {
		digest_add(&look->digest, super, 1024);
	} else {
		digest_add(&look->digest, super + 0x2c, 4);	/* s_mtime */
		digest_add(&look->digest, super + 0x34, 2);	/* s_mnt_count */
		digest_add(&look->digest, super + 0x40, 4);	/* s_lastcheck */
	}
	return true;
}

/* The number of the pass of the log that wrote a sector (fs/xfs/libxfs/xfs_log_format.h). */
static bool xfs_cycle(struct look *look, uint64_t log, uint32_t sector, uint32_t *cycle)
{
	const uint8_t *bytes = reading_at(look->reading, log + 512ULL * sector, 8);

	if (!bytes)
		return false;
	/* A record's header begins with a magic number, all other sectors with the pass. */
	*cycle = be32(bytes) == 0xfeedbabe ? be32(bytes + 4) : be32(bytes);
	return true;
}

/*
 * xfs (fs/xfs/libxfs/xfs_format.h): its superblock may stay the same, but a mount for writing and
 * whatever changes writes to the log. How far that has come is where the number of its last pass
 * begins to be the one before.
 */
static bool look_xfs(struct look *look)
{
	const uint8_t *super = reading_at(look->reading, 0, 512);
	uint32_t first, cycle, below = 0, above, group, block_bytes, shift;
	uint64_t start, log;

	if (!super || memcmp(super, "XFSB", 4))
		return false;
	memcpy(look->uuid, super + 32, 16);
	if (!look->complete)
		return true;
	digest_add(&look->digest, super, 512);
	block_bytes = be32(super + 4);
	start = be64(super + 48);
	group = be32(super + 84);
	above = (uint64_t)be32(super + 96) * block_bytes / 512;
	shift = super[124];
	/* A log on a device of its own. */
	if (!start || shift > 31)
		return true;
	log = ((start >> shift) * group + (start & ((1ULL << shift) - 1))) * block_bytes;
	if (!xfs_cycle(look, log, 0, &first))
		return true;
	while (below + 1 < above) {
		uint32_t middle = below + (above - below) / 2;

		if (!xfs_cycle(look, log, middle, &cycle))
			return true;
		if (cycle == first)
			below = middle;
		else
			above = middle;
	}
	digest_add(&look->digest, &first, sizeof(first));
	digest_add(&look->digest, &above, sizeof(above));
	return true;
}

/* btrfs: what changes ends with a superblock of a higher generation, or with another log tree. */
static bool look_btrfs(struct look *look)
{
	const uint8_t *super = reading_at(look->reading, 65536, 4096);

	if (!super || memcmp(super + 0x40, "_BHRfS_M", 8))
		return false;
	memcpy(look->uuid, super + 0x20, 16);
	if (look->complete)
		digest_add(&look->digest, super, 4096);
	return true;
}

/*
 * f2fs (include/linux/f2fs_fs.h): what changes ends with a checkpoint, of which there are two in
 * turns, or, until there is one, with nodes behind those that the last one knows.
 */
static bool look_f2fs(struct look *look)
{
	const uint8_t *super = reading_at(look->reading, 1024, 1024), *checkpoint;
	uint32_t segment_shift, main_block, segment = 0;
	uint64_t first, newest = 0, version;
	uint16_t within = 0;

	if (!super || le32(super) != 0xf2f52010)
		return false;
	memcpy(look->uuid, super + 108, 16);
	if (!look->complete)
		return true;
	digest_add(&look->digest, super, 1024);
	segment_shift = le32(super + 20) & 31;
	first = le32(super + 76);
	main_block = le32(super + 92);
	for (int pack = 0; pack < 2; pack++) {
		checkpoint = reading_at(look->reading,
					(first + ((uint64_t)pack << segment_shift)) * 4096, 4096);
		if (!checkpoint)
			return true;
		digest_add(&look->digest, checkpoint, 4096);
		memcpy(&version, checkpoint, sizeof(version));
		if (le64toh(version) < newest)
			continue;
		newest = le64toh(version);
		/* Of the six places where it goes on: warm nodes, which fsync() writes. */
		segment = le32(checkpoint + 36 + 4);
		within = le16(checkpoint + 68 + 2);
	}
	look_at(look, (main_block + ((uint64_t)segment << segment_shift) + within) * 4096, 4096);
	return true;
}

/* vfat has no time or count of its own: its table of clusters and its folders tell. */
static bool look_vfat(struct look *look)
{
	const uint8_t *boot = reading_at(look->reading, 0, 512);
	struct vfat_sum sum = { 0 };

	if (!boot || le16(boot + 510) != 0xaa55 ||
	    (memcmp(boot + 54, "FAT", 3) && memcmp(boot + 82, "FAT", 3)))
		return false;
	memcpy(look->uuid, boot + (memcmp(boot + 82, "FAT", 3) ? 39 : 67), 4);
	if (look->complete && vfat_sum(look->reading, &sum))
		digest_add(&look->digest, &sum, sizeof(sum));
	return true;
}

/*
 * A swap area: its header changes when it is made anew or takes an image of hibernation. Whoever
 * begins to swap to it begins near its start; who goes on swapping does so anywhere.
 */
static bool look_swap(struct look *look)
{
	const uint8_t *header = reading_at(look->reading, 0, 4096);
	uint64_t end;
	uint32_t size;

	if (!header || (memcmp(header + 4086, "SWAPSPACE2", 10) &&
			memcmp(header + 4086, "S1SUSPEND", 9)))
		return false;
	memcpy(look->uuid, header + 1036, 16);
	digest_add(&look->digest, header, 4096);
	end = look->complete == SNAP_WHOLE ? look->reading->size_bytes : 1U << 20;
	for (uint64_t at = 4096; look->complete && at < end; at += size) {
		size = end - at < 32768 ? end - at : 32768;
		if (!look_at(look, at, size))
			break;
	}
	return true;
}

/* What is none of the others, or encrypted: where superblocks are. */
static bool look_other(struct look *look)
{
	for (uint32_t at = 0; look->complete && at < 72U << 10; at += 4096)
		if (!look_at(look, at, 4096))
			break;
	return true;
}

static const struct {
	const char *name, *mount_type;
	bool (*look)(struct look *look);
} kinds[] = {
	{ "swap", NULL, look_swap },
	{ "btrfs", "btrfs", look_btrfs },
	{ "xfs", "xfs", look_xfs },
	{ "f2fs", "f2fs", look_f2fs },
	{ "ext4", "ext4", look_ext4 },
	{ "vfat", "vfat", look_vfat },
	{ "other", NULL, look_other },
};

int fingerprint(const struct place *place, enum snap_completeness complete, struct snap_filesystem *filesystem)
{
	struct reading reading;

	memset(filesystem, 0, sizeof(*filesystem));
	memcpy(filesystem->device, place->device, sizeof(filesystem->device));
	filesystem->start_bytes = place->start_bytes;
	filesystem->size_bytes = place->size_bytes;
	filesystem->complete = complete;
	if (reading_begin(&reading, place))
		return -1;
	/* An empty place or a device that fails must not pass for one of no known kind. */
	errno = EIO;
	if (!reading_at(&reading, 0, 512)) {
		reading_end(&reading);
		return -1;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct look look = {
			.reading = &reading,
			.complete = complete,
			.uuid = filesystem->uuid,
		};

		if (!kinds[i].look(&look))
			continue;
		strcpy(filesystem->kind, kinds[i].name);
		filesystem->state = look.digest.low | (uint64_t)look.digest.high << 32;
		break;
	}
	reading_end(&reading);
	return 0;
}

const char *fingerprint_mount_type(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			return kinds[i].mount_type;
	return NULL;
}
