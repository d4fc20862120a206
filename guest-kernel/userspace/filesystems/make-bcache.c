// SPDX-License-Identifier: GPL-2.0-only
/*
 * make-bcache backing|cache DEVICE: writes the superblock that makes a device one of bcache: the slow one that is cached, or
 * the fast one that caches. All caches are of one set, SET below. The kernel is told of them by /sys/fs/bcache/register.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SB_SECTOR 8
#define VERSION_BACKING 1
#define VERSION_CACHE 3
#define BLOCK_SECTORS 8
#define BUCKET_SECTORS 32
#define CRC64 0x42f0e1eba9ea3693ull

static const uint8_t magic[16] = { 0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca,
				   0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81 };
/* 536e6170-6261-636b-0000-000000000001 */
static const uint8_t set[16] = { 'S', 'n', 'a', 'p', 'b', 'a', 'c', 'k', [15] = 1 };

/* As on disk, in little endian. */
struct superblock {
	uint64_t checksum;
	uint64_t offset_sectors;
	uint64_t version;
	uint8_t magic[16];
	uint8_t uuid[16];
	uint8_t set_uuid[16];
	uint8_t label[32];
	uint64_t flags;
	uint64_t seq;
	uint64_t features[3];
	uint64_t pad[5];
	uint64_t buckets;
	uint16_t block_sectors;
	uint16_t bucket_sectors;
	uint16_t in_set;
	uint16_t this_one;
	uint32_t last_mount;
	uint16_t first_bucket;
	uint16_t keys;
} __attribute__((packed));

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "make-bcache: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t checksum(const uint8_t *bytes, size_t count)
{
	uint64_t crc = ~0ull;

	for (; count; count--, bytes++) {
		crc ^= (uint64_t)*bytes << 56;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 63 ? CRC64 : 0);
	}
	return ~crc;
}

int main(int argc, char **argv)
{
	struct superblock sb = {
		.offset_sectors = htole64(SB_SECTOR),
		.block_sectors = htole16(BLOCK_SECTORS),
		.bucket_sectors = htole16(BUCKET_SECTORS),
		.in_set = htole16(1),
		.first_bucket = htole16(1),
	};
	uint8_t begin[8192] = { 0 };
	uint64_t bytes;
	int fd, is_cache;

	if (argc != 3 || (strcmp(argv[1], "backing") && strcmp(argv[1], "cache"))) {
		fputs("usage: make-bcache backing|cache DEVICE\n", stderr);
		return 2;
	}
	is_cache = !strcmp(argv[1], "cache");
	fd = open(argv[2], O_RDWR | O_EXCL);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		fail(argv[2]);
	memcpy(sb.magic, magic, sizeof(magic));
	memcpy(sb.uuid, set, sizeof(set));
	memcpy(sb.set_uuid, set, sizeof(set));
	sb.uuid[14] = 1 + is_cache;
	sb.version = htole64(is_cache ? VERSION_CACHE : VERSION_BACKING);
	if (is_cache)
		sb.buckets = htole64(bytes / 512 / BUCKET_SECTORS);
	sb.checksum = htole64(checksum((uint8_t *)&sb + 8, sizeof(sb) - 8));
	memcpy(begin + SB_SECTOR * 512, &sb, sizeof(sb));
	if (pwrite(fd, begin, sizeof(begin), 0) != sizeof(begin) || fsync(fd) || close(fd))
		fail(argv[2]);
	return 0;
}
