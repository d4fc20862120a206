/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The container of an image:
 *
 *	header	3584 bytes, struct snap_header: what the image is and where it belongs
 *	state	512 bytes, struct snap_state: how far it has come, in a sector of its own
 *	chunk	struct snap_chunk, then its stored bytes; again and again
 *	seal	a chunk with the index SNAP_SEAL_INDEX that holds struct snap_seal
 *
 * All numbers are little-endian. Nothing of the header changes once it is written. The seal is
 * written and flushed before the state names it, and the state is one sector, which a disk writes
 * whole or not at all: an image whose state says SNAP_SEALED is complete. What went through a pipe
 * (SNAP_STREAMED) could not go back to the state, and has its seal at the end alone.
 */
#ifndef SNAPCTL_CONTAINER_H
#define SNAPCTL_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAP_MAGIC		"SNAPBACK"
#define SNAP_VERSION		3
#define SNAP_CHUNKS_OFFSET	4096
#define SNAP_CHUNK_BYTES	(1U << 20)
#define SNAP_CHUNK_BYTES_MAX	(16U << 20)
#define SNAP_CHUNK_MAGIC	0x4b4e4843U
#define SNAP_SEAL_INDEX		0xffffffffU
#define SNAP_FILESYSTEMS_MAX	32

enum snap_flags { SNAP_STREAMED = 1, SNAP_KEEP = 2, SNAP_STORE_IN_MEMORY = 4 };
enum snap_compression { SNAP_STORED = 0, SNAP_ZSTD = 1 };
/* The number of a cipher is reserved; SNAP_SECRETSTREAM is libsodium's XChaCha20-Poly1305. */
enum snap_cipher { SNAP_PLAIN = 0, SNAP_SECRETSTREAM = 1 };
enum snap_progress { SNAP_OPEN = 0, SNAP_SEALED = 1, SNAP_USED = 2 };

/*
 * What a digest is of: what does not change while the filesystem is mounted; all that changes when it is used; or that, and
 * of a swap area all of it.
 */
enum snap_completeness { SNAP_PART = 0, SNAP_COMPLETE = 1, SNAP_WHOLE = 2 };

/* A filesystem or swap area that the restored system has in use, as it was at the snapshot. */
struct snap_filesystem {
	char device[32];	/* in /dev, then: the partition or disk on which it begins */
	char kind[8];
	uint8_t uuid[16];
	uint64_t start_bytes;	/* where on the device */
	uint64_t size_bytes;
	uint64_t state;		/* digest of what changes when it is used */
	uint32_t complete;	/* enum snap_completeness of `state` */
	uint32_t connection;	/* place_connection() of the device */
};

/* The store of the live timeline that saved the image; all zeros after `snapshot` when it was in memory. */
struct snap_store {
	uint8_t snapshot[16];	/* UUID of the snapshot */
	char device[32];	/* as that of a filesystem */
	uint64_t start_bytes;
	uint64_t size_bytes;
	uint64_t state;		/* digest of the store's header */
	uint32_t connection;
	uint32_t reserved;
};

struct snap_header {
	char magic[8];
	uint32_t version;
	uint32_t chunks_offset;
	uint32_t chunk_bytes;
	uint32_t flags;		/* enum snap_flags */
	uint32_t compression;	/* enum snap_compression: what chunks may be */
	uint32_t cipher;	/* enum snap_cipher */
	uint8_t cipher_parameters[128];	/* salt, costs, stream header; zeros for SNAP_PLAIN */
	uint64_t created;	/* seconds since 1970 */
	uint64_t image_bytes;	/* as the kernel announced them; 0 when it was not asked */
	uint64_t memory_kib;
	char kernel_release[72];
	char kernel_version[72];
	char architecture[16];
	uint8_t kernel_build_id[24];	/* zeros when the kernel does not tell */
	char boot_id[40];
	char cpu[96];
	char machine_id[40];	/* empty when the firmware does not tell */
	uint32_t cpus;
	uint32_t filesystems;
	struct snap_filesystem filesystem[SNAP_FILESYSTEMS_MAX];
	struct snap_store store;
	uint8_t reserved[132];
	uint32_t checksum;	/* of all bytes before */
};

struct snap_seal {
	uint64_t image_bytes;
	uint64_t stored_bytes;	/* of all chunks, without their heads */
	uint32_t chunks;
	uint32_t checksum;	/* of the checksums of all chunks, chained */
};

struct snap_state {
	char magic[8];
	uint32_t progress;	/* enum snap_progress */
	uint32_t reserved0;
	struct snap_seal seal;	/* valid unless SNAP_OPEN */
	uint64_t used;		/* seconds since 1970, when SNAP_USED */
	uint8_t reserved[460];
	uint32_t checksum;	/* of all bytes before, seeded with the header's */
};

struct snap_chunk {
	uint32_t magic;
	uint32_t index;
	uint32_t raw_bytes;
	uint32_t stored_bytes;
	uint32_t encoding;	/* enum snap_compression */
	uint32_t checksum;	/* of the fields before, chained with that of the stored bytes */
};

/* A container that is being read. */
struct container {
	const char *name;	/* for messages */
	int file;
	struct snap_header header;
	struct snap_state state;
};

/* How an image is written. */
/*
 * The default: in memory of running systems it finds what is easy to find, for a quarter of the
 * instructions of level 1.
 */
#define SAVE_LEVEL -20

struct container_options {
	bool compress;
	int level;		/* of zstd */
};

/*
 * Writes what can be read from a descriptor to `to` as a container; `to` may be a pipe. The header
 * says what it is; flags, checksums and the like are filled in. 0, or -1 with the reason said.
 */
int container_write(int from, const char *from_name, int to, const char *to_name,
		    const struct snap_header *header, const struct container_options *options);

/* Reads and checks header and state. 0, or -1 with the reason said. */
int container_open(struct container *container, int file, const char *name);

/* Has the image been saved to its end, as far as its state tells? 0, or -1 with the reason said. */
int container_check_sealed(const struct container *container);

/*
 * Reads all chunks and the seal, checks them, and writes the image to `to` unless that is negative.
 * 0, or -1 with the reason said.
 */
int container_read(const struct container *container, int to, const char *to_name,
		   struct snap_seal *seal);

/*
 * Reads a container to its end and checks all of it. `seal` says meanwhile how much has been read, and then what there is.
 * 0, or -1 with the reason said.
 */
int container_verify(int file, const char *name, struct snap_seal *seal);

/* Notes in the file that the image has been loaded. 0, or -1 with the reason said. */
int container_mark_used(struct container *container, int file);

#endif
