// SPDX-License-Identifier: GPL-2.0-only
/* `recover`: completes the commit of a live timeline that a loss of power has ended. */
#include "commands.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "complain.h"
#include "cow.h"
#include "crypt.h"
#include "device-id.h"
#include "place.h"
#include "system.h"

#define SECTOR 512
#define CHUNK_SECTORS (CRYPT_CHUNK / SECTOR)
/* How long the devices may take to appear, all together. */
#define DEVICES_WAIT_MS 5000
#define POLL_MS 50

/* A device of the store's maps. */
struct target {
	bool needed;		/* something is to be copied there */
	bool given_up;		/* it does not exist any more: nothing is copied */
	char name[32];		/* in /dev, today */
	int file;		/* -1 until something is copied there */
};

struct recovery {
	const char *name;	/* of the store */
	const struct recover_options *options;
	const char *without;	/* the one of them that is looked for */
	bool without_found;
	int store;
	struct snapshot_store_header header;
	uint32_t count;
	struct target *targets;
	struct crypt crypt;
	uint64_t copied, given_up;	/* chunks */
	int wait_ms;		/* left for devices to appear */
};

/* An entry of another snapshot has another sum. */
static bool is_entry(const struct recovery *recovery, uint64_t number, const struct snapshot_store_entry *entry)
{
	uint64_t le_number = htole64(number);
	uint32_t sum = cow_crc32c(~0u, recovery->header.head.uuid, sizeof(recovery->header.head.uuid));

	sum = cow_crc32c(sum, &le_number, sizeof(le_number));
	sum = ~cow_crc32c(sum, entry, offsetof(struct snapshot_store_entry, check));
	return entry->valid && entry->check[0] == (sum & 0xff) && entry->check[1] == (sum >> 8 & 0xff) &&
	       entry->check[2] == (sum >> 16 & 0xff) && le32toh(entry->device) < recovery->count;
}

/* A function is called for each entry, until it answers something else than 0. */
static int for_each_entry(struct recovery *recovery,
			  int (*fn)(struct recovery *recovery, uint64_t number, const struct snapshot_store_entry *entry))
{
	uint64_t used = le64toh(recovery->header.used_chunks), offset = le64toh(recovery->header.metadata_offset);
	struct snapshot_store_entries block;
	int result = 0;

	for (uint64_t first = 0; !result && first < used; first += SNAPSHOT_STORE_ENTRIES, offset += sizeof(block)) {
		if (pread(recovery->store, &block, sizeof(block), offset) != sizeof(block))
			return complain(recovery->name, "cannot be read: %s", strerror(errno));
		for (unsigned int i = 0; !result && i < SNAPSHOT_STORE_ENTRIES && first + i < used; i++)
			if (is_entry(recovery, first + i, &block.entry[i]))
				result = fn(recovery, first + i, &block.entry[i]);
	}
	return result;
}

static int need_target(struct recovery *recovery, uint64_t number, const struct snapshot_store_entry *entry)
{
	(void)number;
	recovery->targets[le32toh(entry->device)].needed = true;
	return 0;
}

/*
 * How many devices of this size are called so? The name is that of the last one found, and `other` that of the one
 * before.
 */
static int count_devices(const char *id, uint64_t bytes, char name[32], char other[32])
{
	char path[SYSTEM_PATH_MAX];
	const struct dirent *entry;
	int count = 0;
	DIR *all;

	system_path(path, "/sys/class/block");
	all = opendir(path);
	while (all && (entry = readdir(all))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= 32 ||
		    place_number(entry->d_name, "size") * SECTOR != bytes || !device_is_called(entry->d_name, id))
			continue;
		strcpy(other, name);
		strcpy(name, entry->d_name);
		count++;
	}
	if (all)
		closedir(all);
	return count;
}

/* Where a device of the store is today. It may take a while to appear. */
static int find_target(struct recovery *recovery, struct target *target, const struct snapshot_store_device *device)
{
	char id[sizeof(device->id) + 1] = "", name[sizeof(device->name) + 1] = "", other[32] = "";
	uint64_t bytes = le64toh(device->bytes);
	int count;

	memcpy(id, device->id, sizeof(device->id));
	memcpy(name, device->name, sizeof(device->name));
	if (!*id)
		return complain(recovery->name, "belongs to %s of %llu bytes, and does not say how to recognize it: the commit cannot be completed",
				name, (ull)bytes);
	for (; !(count = count_devices(id, bytes, target->name, other)); recovery->wait_ms -= POLL_MS) {
		if (recovery->wait_ms <= 0)
			return complain(recovery->name, "belongs to %s of %llu bytes (%s), which is not there; attach it or set it up, or lose what was written to it with --without '%s'",
					name, (ull)bytes, id, id);
		usleep(POLL_MS * 1000);
	}
	if (count > 1)
		return complain(recovery->name, "belongs to %s of %llu bytes (%s), which can be %s or %s; detach the one that is not meant",
				name, (ull)bytes, id, other, target->name);
	return 0;
}

/* A function is called for each device of the store, until it answers something else than 0. */
static int for_each_device(struct recovery *recovery,
			   int (*fn)(struct recovery *recovery, struct target *target, const struct snapshot_store_device *device))
{
	struct snapshot_store_map map;
	int result = 0;

	for (uint32_t i = 0; !result && i < recovery->count; i++) {
		uint32_t place = i % SNAPSHOT_STORE_MAP_DEVICES;

		if (!place && !cow_read_map(recovery->store, &recovery->header, i / SNAPSHOT_STORE_MAP_DEVICES, &map))
			return complain(recovery->name, "its list of devices is damaged from number %u on: the commit cannot be completed", i);
		result = fn(recovery, &recovery->targets[i], &map.device[place]);
	}
	return result;
}

/* Is it the device that is to be given up? One that is there can get what it misses. */
static int give_up_target(struct recovery *recovery, struct target *target, const struct snapshot_store_device *device)
{
	char id[sizeof(device->id) + 1] = "", other[32] = "";

	memcpy(id, device->id, sizeof(device->id));
	if (strcmp(id, recovery->without))
		return 0;
	if (count_devices(id, le64toh(device->bytes), target->name, other))
		return complain(recovery->name, "--without '%s': /dev/%s is there; leave the option out", id, target->name);
	target->given_up = true;
	recovery->without_found = true;
	return 0;
}

static int give_up_targets(struct recovery *recovery)
{
	for (int i = 0; i < recovery->options->without_count; i++) {
		recovery->without = recovery->options->without[i];
		recovery->without_found = false;
		if (for_each_device(recovery, give_up_target))
			return -1;
		if (!recovery->without_found)
			return complain(recovery->name, "--without '%s': no device of this store is called so", recovery->without);
	}
	return 0;
}

/* Those that something is to be copied to. Others, such as a CD, may be gone. */
static int find_needed_target(struct recovery *recovery, struct target *target, const struct snapshot_store_device *device)
{
	return target->needed && !target->given_up ? find_target(recovery, target, device) : 0;
}

static int find_targets(struct recovery *recovery)
{
	if (give_up_targets(recovery) || for_each_entry(recovery, need_target))
		return -1;
	return for_each_device(recovery, find_needed_target);
}

static int open_target(struct target *target)
{
	char path[SYSTEM_PATH_MAX];

	if (target->file >= 0)
		return 0;
	system_path(path, "/dev/%s", target->name);
	target->file = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	return target->file >= 0 ? 0 : complain(path, "%s%s", strerror(errno), errno == EBUSY ? "; unmount it" : "");
}

/* Sectors that are not valid may be newer on the device. */
static int copy_chunk(struct recovery *recovery, uint64_t number, const struct snapshot_store_entry *entry)
{
	struct target *target = &recovery->targets[le32toh(entry->device)];
	uint64_t to = le64toh(entry->chunk) * CRYPT_CHUNK;
	uint8_t data[CRYPT_CHUNK];

	if (target->given_up) {
		recovery->given_up++;
		return 0;
	}
	if (open_target(target))
		return -1;
	if (crypt_read(&recovery->crypt, number, data))
		return complain(recovery->name, "chunk %llu cannot be read: %s", (ull)number, strerror(errno));
	for (int from = 0, end; from < CHUNK_SECTORS; from = end + 1) {
		for (end = from; end < CHUNK_SECTORS && entry->valid >> end & 1; end++)
			;
		if (end > from && pwrite(target->file, data + SECTOR * from, SECTOR * (end - from), to + SECTOR * from) !=
					  SECTOR * (end - from))
			return complain(target->name, "cannot be written: %s", strerror(errno));
	}
	recovery->copied++;
	return 0;
}

static int copy_all(struct recovery *recovery)
{
	if (for_each_entry(recovery, copy_chunk))
		return -1;
	for (uint32_t i = 0; i < recovery->count; i++)
		if (recovery->targets[i].file >= 0 && fsync(recovery->targets[i].file))
			return complain(recovery->targets[i].name, "cannot be written: %s", strerror(errno));
	return 0;
}

/* The key goes, too. */
static int mark_committed(struct recovery *recovery)
{
	struct snapshot_store_header *header = &recovery->header;

	header->state = htole32(SNAPSHOT_STORE_COMMITTED);
	header->used_chunks = 0;
	memset(header->cipher, 0, sizeof(header->cipher));
	explicit_bzero(header->key, sizeof(header->key));
	if (cow_write_header(recovery->store, header) || fsync(recovery->store))
		return complain(recovery->name, "cannot be written: %s", strerror(errno));
	return 0;
}

static int complete(struct recovery *recovery)
{
	const struct snapshot_store_header *header = &recovery->header;
	int result;

	if (le32toh(header->chunk_bytes) != CRYPT_CHUNK)
		return complain(recovery->name, "has chunks of %u bytes; use the snapctl that belongs to its kernel",
				le32toh(header->chunk_bytes));
	if (find_targets(recovery))
		return -1;
	if (crypt_begin(&recovery->crypt, recovery->store, header->cipher, header->key, le64toh(header->data_offset),
			le64toh(header->nr_chunks)))
		return complain(recovery->name, "cannot be decrypted: %s", strerror(errno));
	result = copy_all(recovery);
	crypt_end(&recovery->crypt);
	return result ? result : mark_committed(recovery);
}

static int recover_store(struct recovery *recovery)
{
	int result;

	switch (cow_read_header(recovery->store, &recovery->header)) {
	case COW_NONE:
		return 0;
	case COW_UNREADABLE:
		return complain(recovery->name, "cannot be read: %s; nothing tells whether a commit was interrupted", strerror(errno));
	case COW_DAMAGED:
		return complain(recovery->name, "is the store of a snapshot that was being committed, and its header is damaged: the commit cannot be completed, and the filesystems have a part of what was written; check them, then overwrite the store");
	case COW_FOUND:
		break;
	}
	if (le32toh(recovery->header.state) == SNAPSHOT_STORE_NO_RECOVERY)
		complain(recovery->name, "note: was being committed without recovery when that system went down: its filesystems have a part of what was written; check them");
	if (le32toh(recovery->header.state) != SNAPSHOT_STORE_COMMITTING)
		return 0;
	recovery->count = le32toh(recovery->header.nr_devices);
	recovery->targets = calloc(recovery->count, sizeof(*recovery->targets));
	if (!recovery->targets)
		return complain(recovery->name, "%s", strerror(ENOMEM));
	for (uint32_t i = 0; i < recovery->count; i++)
		recovery->targets[i].file = -1;
	result = complete(recovery);
	for (uint32_t i = 0; i < recovery->count; i++)
		if (recovery->targets[i].file >= 0)
			close(recovery->targets[i].file);
	free(recovery->targets);
	if (result)
		return result;
	printf("%s: the commit of snapshot ", recovery->name);
	print_uuid(recovery->header.head.uuid);
	printf(" is complete: %llu chunks of 4 KiB were missing\n", (ull)recovery->copied);
	if (recovery->given_up)
		printf("%s: %llu chunks of devices that are gone are lost\n", recovery->name, (ull)recovery->given_up);
	return 0;
}

int recover(const char *name, const struct recover_options *options)
{
	/* Not exclusively: dm-crypt is to have it, too. */
	struct recovery recovery = {
		.name = name,
		.options = options,
		.store = open(name, O_RDWR | O_CLOEXEC),
		.wait_ms = DEVICES_WAIT_MS,
	};
	int result;

	if (recovery.store < 0) {
		complain(name, "%s", strerror(errno));
		return FAILED;
	}
	result = recover_store(&recovery);
	close(recovery.store);
	return result ? FAILED : OK;
}
