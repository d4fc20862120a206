/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's <linux/snapshot.h> and <asm/unistd.h> tell, for a C library that does not have them yet. */
#ifndef SNAPCTL_SNAPSHOT_H
#define SNAPCTL_SNAPSHOT_H

#include <stdint.h>
#include <sys/ioctl.h>

#define SNAPCTL_NR_SNAPSHOT	480

struct snapctl_info {
	uint64_t image_bytes;
	uint64_t read_bytes;
	uint64_t meta_pages;
	uint64_t copied_pages;
	uint64_t preserved_pages;
	uint32_t page_size;
	uint32_t substituted;
};

#define SNAPCTL_GET_INFO	_IOR('3', 32, struct snapctl_info)

#endif
