// SPDX-License-Identifier: GPL-2.0-only
/* How much the filesystem can take on which a file would lie. */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static uint32_t word_of(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : value;
}

/* The file's folder, or what there is of the way to it. */
static bool nearest_folder(const char *path, char *folder, size_t size)
{
	struct stat status;

	if (*path != '/' || snprintf(folder, size, "%s", path) >= (int)size)
		return false;
	do {
		*strrchr(folder, '/') = '\0';
	} while (*folder && stat(folder, &status));
	if (!*folder)
		strcpy(folder, "/");
	return true;
}

void file_room(uint32_t id, struct reading *from)
{
	const char *path = read_string(from);
	char folder[4096];
	uint8_t payload[20];
	struct statvfs room;
	struct stat status;

	if (from->torn || !nearest_folder(path, folder, sizeof(folder))) {
		reply_error(id, EINVAL, "malformed request to tell the room for a file");
		return;
	}
	if (stat(folder, &status) || statvfs(folder, &room)) {
		reply_error(id, errno, folder);
		return;
	}
	put_u32(payload, word_of(status.st_dev));
	put_u32(payload + 4, word_of(room.f_frsize));
	put_u32(payload + 8, word_of(room.f_blocks));
	/* The agent is root: what is reserved for root counts as free. */
	put_u32(payload + 12, word_of(room.f_bfree));
	put_u32(payload + 16, word_of(room.f_files ? room.f_ffree : UINT32_MAX));
	reply(id, ANSWER_ROOM, payload, sizeof(payload));
}
