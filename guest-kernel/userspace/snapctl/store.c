// SPDX-License-Identifier: GPL-2.0-only
#include "store.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "bytes.h"
#include "checksum.h"
#include "commands.h"
#include "complain.h"
#include "cow.h"
#include "filesystems.h"
#include "place.h"

#define IGNORE "give --ignore-store if you know that the snapshot has not been committed"

void store_export(const uint8_t snapshot[16], dev_t store)
{
	char text[33];

	for (int i = 0; i < 16; i++)
		sprintf(text + 2 * i, "%02x", snapshot[i]);
	setenv(ENV_SNAPSHOT, text, 1);
	snprintf(text, sizeof(text), "%u:%u", major(store), minor(store));
	setenv(ENV_STORE, store ? text : STORE_IN_MEMORY, 1);
}

static bool parse_snapshot(const char *text, uint8_t snapshot[16])
{
	unsigned int byte;

	for (int i = 0; i < 16; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		snapshot[i] = byte;
	}
	return !text[32];
}

/* The header, past the page cache. False when it cannot be read. */
static bool read_block(const struct place *place, uint8_t block[SNAPSHOT_STORE_BLOCK])
{
	struct reading reading;
	const uint8_t *bytes;

	if (reading_begin(&reading, place))
		return false;
	errno = EIO;
	bytes = reading_at(&reading, SNAPSHOT_STORE_OFFSET, SNAPSHOT_STORE_BLOCK);
	if (bytes)
		memcpy(block, bytes, SNAPSHOT_STORE_BLOCK);
	reading_end(&reading);
	return bytes;
}

static uint64_t digest(const uint8_t block[SNAPSHOT_STORE_BLOCK])
{
	return xxh32(0, block, SNAPSHOT_STORE_BLOCK) | (uint64_t)xxh32(~0u, block, SNAPSHOT_STORE_BLOCK) << 32;
}

int store_describe(struct snap_header *header)
{
	const char *snapshot = getenv(ENV_SNAPSHOT), *store = getenv(ENV_STORE);
	uint8_t block[SNAPSHOT_STORE_BLOCK];
	struct snap_store *then = &header->store;
	unsigned int upper, lower;
	struct place place;

	if (!snapshot || !store || !parse_snapshot(snapshot, then->snapshot))
		return complain("save", ENV_SNAPSHOT " and " ENV_STORE " are not set; let snapctl take run this command");
	if (!strcmp(store, STORE_IN_MEMORY)) {
		header->flags |= SNAP_STORE_IN_MEMORY;
		return 0;
	}
	if (sscanf(store, "%u:%u", &upper, &lower) != 2 || !place_find(makedev(upper, lower), &place))
		return complain(store, "the device of the store cannot be found again in another boot; take a snapshot with a store on a disk, or in memory");
	if (!read_block(&place, block))
		return complain(place.device, "the header of the store cannot be read: %s", strerror(errno));
	memcpy(then->device, place.device, sizeof(then->device));
	then->start_bytes = place.start_bytes;
	then->size_bytes = place.size_bytes;
	then->connection = place_connection(place.device);
	then->state = digest(block);
	return 0;
}

/* The header has changed since the image was saved. */
static int judge(const char *name, const struct snap_store *then, const char *device,
		 const struct snapshot_store_header *now)
{
	bool same = !memcmp(now->head.uuid, then->snapshot, sizeof(then->snapshot));

	switch (le32toh(now->state)) {
	case SNAPSHOT_STORE_COMMITTING:
		complain(name, same ? "is stale: its snapshot was being committed when the system went down, so what was done after the snapshot is what counts; complete that with snapctl recover /dev/%s, and remove the image" :
				      "must not be restored: a later snapshot was being committed when the system went down, and the filesystems have a part of that; complete it with snapctl recover /dev/%s",
			 device);
		return UNFINISHED;
	case SNAPSHOT_STORE_NO_RECOVERY:
		return complain(name, "is stale: %s was being committed without recovery when the system went down, and the filesystems have a part of that (the store on /dev/%s tells); check them, and remove the image",
				same ? "its snapshot" : "a later snapshot", device);
	case SNAPSHOT_STORE_COMMITTED:
		if (same)
			return complain(name, "is stale: its snapshot has been committed (the store on /dev/%s tells), so the disks have gone on since; remove the image",
					device);
		/* fall through */
	case SNAPSHOT_STORE_LIVE:
		/*
		 * A later snapshot has taken the store. So the live timeline of this one has ended: by a power-off, after which
		 * it is nothing, or by a commit, which then was complete. Filesystems tell whether they have been used since.
		 */
		return 0;
	}
	return complain(name, "cannot be judged: the store of its snapshot on /dev/%s has state %u; use the snapctl that belongs to its kernel",
			device, le32toh(now->state));
}

int store_check(const char *name, const struct snap_header *header, int wait_ms)
{
	const struct snap_store *then = &header->store;
	struct place place = { .start_bytes = then->start_bytes, .size_bytes = then->size_bytes };
	uint8_t block[SNAPSHOT_STORE_BLOCK] __attribute__((aligned(8)));

	if (header->flags & SNAP_STORE_IN_MEMORY)
		return 0;
	memcpy(place.device, then->device, sizeof(place.device));
	if (!device_appears(then->connection, place.device, &wait_ms)) {
		complain(name, "needs the store of its snapshot on what was /dev/%s, which tells whether that has been committed since, and nothing is connected there; attach it, or "
			 IGNORE, then->device);
		return UNREACHABLE;
	}
	if (!read_block(&place, block)) {
		complain(name, "needs the store of its snapshot on /dev/%s, which cannot be read: %s; " IGNORE, place.device,
			 strerror(errno));
		return UNREACHABLE;
	}
	if (digest(block) == then->state)
		return 0;
	if (cow_is_header(block))
		return judge(name, then, place.device, (const struct snapshot_store_header *)block);
	return complain(name, "cannot be judged: the store of its snapshot on /dev/%s has changed and has no header that can be read, so nothing tells whether the snapshot has been committed; remove the image, or "
			IGNORE, place.device);
}
