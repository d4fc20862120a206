/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The container of an image: a header page, chunks, and a seal.
 *
 *	header	4096 bytes, struct snap_header
 *	chunk	struct snap_chunk, then its stored bytes; again and again
 *	seal	struct snap_chunk with the index SNAP_SEAL_INDEX, then struct snap_seal
 *
 * All numbers are little-endian. The seal is written and flushed before the header names it, so that a
 * header with `sealed` set stands for a whole file. What goes through a pipe has its seal at the end alone.
 */
#ifndef SNAPCTL_CONTAINER_H
#define SNAPCTL_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAP_MAGIC		"SNAPBACK"
#define SNAP_VERSION		1
#define SNAP_HEADER_BYTES	4096
#define SNAP_CHUNK_BYTES	(1U << 20)
#define SNAP_CHUNK_MAGIC	0x4b4e4843U
#define SNAP_SEAL_INDEX		0xffffffffU
#define SNAP_FILESYSTEMS_MAX	16

enum snap_compression { SNAP_STORED = 0, SNAP_ZSTD = 1 };
enum snap_encryption { SNAP_PLAIN = 0 };

/* A filesystem that the restored system has mounted, as its superblock tells since it was mounted. */
struct snap_filesystem {
	char device[32];	/* name in /sys/block or of the partition, as in /dev */
	uint8_t uuid[16];
	uint32_t mount_time;	/* of the last mount, seconds */
	uint32_t mount_count;
} __attribute__((packed));

struct snap_seal {
	uint64_t image_bytes;
	uint32_t chunks;
	uint32_t checksum;	/* CRC-32C over the checksums of all chunks */
};

struct snap_header {
	char magic[8];
	uint32_t version;
	uint32_t chunk_bytes;
	uint32_t compression;	/* enum snap_compression */
	uint32_t encryption;	/* enum snap_encryption */
	uint8_t encryption_parameters[256];	/* all zero for SNAP_PLAIN */
	uint64_t created;	/* seconds since 1970 */
	uint64_t image_bytes;	/* as announced by the kernel */
	char kernel_release[65];
	char kernel_version[65];
	char machine[65];
	char boot_id[37];
	uint64_t memory_kib;
	uint32_t sealed;
	uint32_t used;		/* has been loaded once */
	struct snap_seal seal;	/* valid if sealed */
	uint32_t filesystems;
	struct snap_filesystem filesystem[SNAP_FILESYSTEMS_MAX];
	uint32_t checksum;	/* CRC-32C of all bytes before */
} __attribute__((packed));

struct snap_chunk {
	uint32_t magic;
	uint32_t index;
	uint32_t raw_bytes;
	uint32_t stored_bytes;
	uint32_t checksum;	/* CRC-32C of the stored bytes */
} __attribute__((packed));

uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* Copies an image from a descriptor into a container; `to` may be a pipe. 0, or -1 with the reason said. */
int container_write(int from, int to, const char *name, const struct snap_header *header);

/* Reads and checks a header. 0, or -1 with the reason said. */
int container_read_header(int from, const char *name, struct snap_header *header);

/* Writes the header of a file again, and flushes it. 0, or -1 with the reason said. */
int container_rewrite_header(int file, const char *name, struct snap_header *header);

/*
 * Reads the chunks and the seal that follow a header, checks them, and writes the image to `to` unless that is
 * negative. 0, or -1 with the reason said.
 */
int container_read_image(int from, int to, const char *name, const struct snap_header *header);

/*
 * The devices of all mounted filesystems, by their names in /dev, with a space between two. To be asked before
 * the snapshot: what is mounted later does not belong to it.
 */
void identity_mounted(char *names, size_t size);

/* Fills in what tells this machine and kernel from others, and the filesystems on the devices of identity_mounted(). */
void identity_describe(struct snap_header *header, const char *mounted);

/* Can this kernel, on this machine, with these filesystems, take the image? 0, or -1 with the reason said. */
int identity_check(const char *name, const struct snap_header *header);

/* Says "snapctl: NAME: ..." on stderr; always -1. */
int complain(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
