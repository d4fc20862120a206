// SPDX-License-Identifier: GPL-2.0-only
#include "device-id.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "partition-id.h"
#include "place.h"
#include "system.h"

/* Of a SCSI device's page of identifiers, and of an identifier there. */
#define PAGE_HEAD 4
#define DESIGNATOR_HEAD 4
#define DESIGNATOR_EUI 2
#define DESIGNATOR_NAA 3

/* What follows a prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) ? NULL : text + length;
}

/* Does a file about the device contain this and nothing else? */
static bool file_says(const char *name, const char *what, const char *wanted)
{
	char path[SYSTEM_PATH_MAX], line[192];

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, what);
	return system_line(path, line, sizeof(line)) && !strcmp(line, wanted);
}

/* The same in hexadecimal digits, which may be in groups. */
static bool file_has_digits(const char *disk, const char *what, const char *wanted)
{
	char path[SYSTEM_PATH_MAX], line[192], digits[192];
	size_t length = 0;

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", disk, what);
	if (!system_line(path, line, sizeof(line)))
		return false;
	for (const char *c = line; *c; c++)
		if (*c != '-' && *c != ' ')
			digits[length++] = *c;
	digits[length] = 0;
	return !strcasecmp(digits, wanted);
}

/* Is there such an identifier of the disk itself, not of its port or target? */
static bool scsi_has_digits(const char *disk, int kind, const char *wanted)
{
	char path[SYSTEM_PATH_MAX], digits[2 * UINT8_MAX + 1];
	uint8_t page[4096];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/block/%s/device/vpd_pg83", disk);
	file = system_open(path);
	if (!file)
		return false;
	length = fread(page, 1, sizeof(page), file);
	fclose(file);
	for (size_t at = PAGE_HEAD; at + DESIGNATOR_HEAD <= length; at += DESIGNATOR_HEAD + page[at + 3]) {
		if (at + DESIGNATOR_HEAD + page[at + 3] > length)
			break;
		if ((page[at + 1] & 0x3f) != kind)
			continue;
		for (int i = 0; i < page[at + 3]; i++)
			sprintf(digits + 2 * i, "%02x", page[at + DESIGNATOR_HEAD + i]);
		if (page[at + 3] && !strcasecmp(digits, wanted))
			return true;
	}
	return false;
}

static bool has_wwid(const char *disk, const char *wwid)
{
	const char *digits = after(wwid, "naa.");

	if (digits)
		return scsi_has_digits(disk, DESIGNATOR_NAA, digits);
	digits = after(wwid, "eui.");
	return digits && (scsi_has_digits(disk, DESIGNATOR_EUI, digits) || file_has_digits(disk, "nguid", digits) ||
			  file_has_digits(disk, "eui", digits));
}

static bool has_path(const char *disk, const char *wanted)
{
	char path[PLACE_PATH_MAX];

	return place_path(disk, path) && !strcmp(path, wanted);
}

/* The id of a disk, or that of a partition with its number at the end. */
static bool is_of_disk(const char *name, const char *id, bool (*is_called)(const char *disk, const char *id))
{
	char disk[32], suffix[32] = "", own[192];
	size_t length = strlen(id), suffix_length;

	if (place_disk(name, disk))
		snprintf(suffix, sizeof(suffix), "-part%u", (unsigned int)place_number(name, "partition"));
	suffix_length = strlen(suffix);
	if (length < suffix_length || length >= sizeof(own) || strcmp(id + length - suffix_length, suffix))
		return false;
	snprintf(own, sizeof(own), "%.*s", (int)(length - suffix_length), id);
	return is_called(disk, own);
}

bool device_is_called(const char *name, const char *id)
{
	char uuid[PARTUUID_BYTES];
	const char *rest;

	if ((rest = after(id, "DM-UUID=")))
		return file_says(name, "dm/uuid", rest);
	if ((rest = after(id, "DM-NAME=")))
		return file_says(name, "dm/name", rest);
	if ((rest = after(id, "PARTUUID=")))
		return partition_uuid(name, uuid) && !strcasecmp(uuid, rest);
	if ((rest = after(id, "WWID=")))
		return is_of_disk(name, rest, has_wwid);
	if ((rest = after(id, "PATH=")))
		return is_of_disk(name, rest, has_path);
	return false;
}
