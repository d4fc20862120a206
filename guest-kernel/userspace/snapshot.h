/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's <linux/snapshot.h> and <asm/unistd.h> tell, for a C library that does not have them yet. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdint.h>
#include <sys/ioctl.h>

#define NR_SNAPSHOT		480

struct snapshot_info {
	uint64_t image_bytes;
	uint64_t read_bytes;
	uint64_t meta_pages;
	uint64_t copied_pages;
	uint64_t preserved_pages;
	uint32_t page_size;
	uint32_t substituted;
	uint32_t size;
	uint32_t flags;
	uint64_t store_bytes;
	uint64_t store_used_bytes;
	uint8_t uuid[16];
};

#define SNAPSHOT_STORE_IN_MEMORY	(1u << 0)
#define SNAPSHOT_STORE_FULL		(1u << 1)
#define SNAPSHOT_STORE_MERGING		(1u << 2)

#define SNAPSHOT_COMMIT_NO_RECOVERY	(1u << 0)
#define SNAPSHOT_COMMIT_IMAGES_GONE	(1u << 1)

#define SNAPSHOT_GET_INFO	_IOR('3', 32, struct snapshot_info)
#define SNAPSHOT_ROLLBACK	_IO('3', 33)
#define SNAPSHOT_COMMIT		_IOW('3', 34, uint32_t)
#define SNAPSHOT_REWIND		_IO('3', 35)

#endif
