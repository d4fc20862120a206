// SPDX-License-Identifier: GPL-2.0-only
#include "disks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "../snapctl/fingerprint.h"
#include "../snapctl/place.h"
#include "../snapctl/system.h"
#include "../snapctl/partition-id.h"

#define ID_BYTES 256

/* The id of the filesystem or swap area on a device, as blkid prints it. */
static bool filesystem_uuid(const char *name, char id[ID_BYTES])
{
	static const uint8_t none[16];
	struct snap_filesystem found;
	struct place place = { 0 };
	const uint8_t *u = found.uuid;

	snprintf(place.device, sizeof(place.device), "%.31s", name);
	place.size_bytes = place_number(name, "size") * 512;
	if (!place.size_bytes || fingerprint(&place, SNAP_PART, &found) || !memcmp(found.uuid, none, sizeof(none)))
		return false;
	if (!strcmp(found.kind, "vfat"))
		snprintf(id, ID_BYTES, "%02X%02X-%02X%02X", u[3], u[2], u[1], u[0]);
	else
		snprintf(id, ID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
			 u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
			 u[15]);
	return true;
}

/* The name of a partition, which only a GPT has. */
static bool partition_label(const char *name, char id[ID_BYTES])
{
	char path[SYSTEM_PATH_MAX], text[1024], *line;

	snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	line = rig_read_file(path, text, sizeof(text)) > 0 ? strstr(text, "\nPARTNAME=") : NULL;
	if (!line)
		return false;
	line += strlen("\nPARTNAME=");
	line[strcspn(line, "\n")] = '\0';
	snprintf(id, ID_BYTES, "%.*s", ID_BYTES - 1, line);
	return *id;
}

/* What a device is found by. */
static const struct kind {
	const char *word, *folder;
	bool (*read)(const char *name, char id[ID_BYTES]);
} kinds[] = {
	{ "UUID=", "/dev/disk/by-uuid/", filesystem_uuid },
	{ "PARTUUID=", "/dev/disk/by-partuuid/", partition_uuid },
	{ "PARTLABEL=", "/dev/disk/by-partlabel/", partition_label },
};

static bool is_mapped(const char *name)
{
	return !strncmp(name, "dm-", 3);
}

/* Calls `use` for each block device that outlives the system until it says true. Mapped devices come last. */
static bool each_device(bool (*use)(const char *name, void *data), void *data)
{
	bool done = false;

	for (int pass = 0; pass < 2 && !done; pass++) {
		DIR *all = opendir("/sys/class/block");
		struct dirent *entry;

		while (all && !done && (entry = readdir(all)))
			if (entry->d_name[0] != '.' && !place_is_memory(entry->d_name) &&
			    is_mapped(entry->d_name) == (pass == 1))
				done = use(entry->d_name, data);
		if (all)
			closedir(all);
	}
	return done;
}

/* As udev writes what has no place in a file's name. */
static void encode(const char *id, char *text, size_t size)
{
	static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#+-.:=@_";
	size_t used = 0;

	for (; *id && used + 5 < size; id++)
		used += sprintf(text + used, strchr(plain, *id) ? "%c" : "\\x%02x", (unsigned char)*id);
	text[used] = '\0';
}

struct wanted {
	const struct kind *kind;
	const char *id;
	char *path;
	size_t size;
};

static bool is_wanted(const char *name, void *data)
{
	struct wanted *wanted = data;
	char id[ID_BYTES], text[4 * ID_BYTES];

	if (!wanted->kind->read(name, id))
		return false;
	encode(id, text, sizeof(text));
	if (strcasecmp(id, wanted->id) && strcmp(text, wanted->id))
		return false;
	snprintf(wanted->path, wanted->size, "/dev/%s", name);
	return true;
}

bool disks_find(const char *spec, char *path, size_t size)
{
	struct stat status;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t word = strlen(kinds[i].word), folder = strlen(kinds[i].folder);
		bool named = !strncmp(spec, kinds[i].word, word);
		struct wanted wanted = { &kinds[i], spec + (named ? word : folder), path, size };

		if (named || !strncmp(spec, kinds[i].folder, folder))
			return each_device(is_wanted, &wanted);
	}
	if (stat(spec, &status) || !S_ISBLK(status.st_mode))
		return false;
	if (path != spec)
		snprintf(path, size, "%s", spec);
	return true;
}

static bool link_device(const char *name, void *data)
{
	(void)data;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char id[ID_BYTES], text[4 * ID_BYTES], link[5 * ID_BYTES], target[64];

		if (!kinds[i].read(name, id))
			continue;
		encode(id, text, sizeof(text));
		snprintf(link, sizeof(link), "%s%s", kinds[i].folder, text);
		snprintf(target, sizeof(target), "../../%.48s", name);
		mkdir("/dev/disk", 0755);
		mkdir(kinds[i].folder, 0755);
		/* What is mapped is what is used. */
		if (unlink(link) && errno != ENOENT)
			rig_say("%s: %s", link, strerror(errno));
		if (symlink(target, link))
			rig_say("%s: %s", link, strerror(errno));
	}
	return false;
}

void disks_link(void)
{
	each_device(link_device, NULL);
}
