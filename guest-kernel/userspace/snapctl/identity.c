// SPDX-License-Identifier: GPL-2.0-only
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "checksum.h"
#include "complain.h"
#include "system.h"

#define NOTE_BUILD_ID 3

/* The build id among the notes of the kernel: it differs where release and version are the same. */
static void build_id(uint8_t id[24])
{
	FILE *notes = system_open("/sys/kernel/notes");
	uint32_t head[3];	/* length of the name, length of the content, type */

	memset(id, 0, 24);
	while (notes && fread(head, sizeof(head), 1, notes)) {
		size_t name_size = (head[0] + 3) & ~3U, size = (head[1] + 3) & ~3U;
		char name[64], content[1024];

		if (name_size > sizeof(name) || size > sizeof(content) ||
		    fread(name, 1, name_size, notes) != name_size ||
		    fread(content, 1, size, notes) != size)
			break;
		if (head[2] == NOTE_BUILD_ID && head[0] == 4 && !memcmp(name, "GNU", 4)) {
			memcpy(id, content, head[1] < 24 ? head[1] : 24);
			break;
		}
	}
	if (notes)
		fclose(notes);
}

/* All frames of RAM that the kernel manages or has reserved, whatever is in use. */
static uint64_t memory_kib(void)
{
	FILE *zones = system_open("/proc/zoneinfo");
	uint64_t pages = 0, present;
	char line[256];

	while (zones && fgets(line, sizeof(line), zones))
		if (sscanf(line, " present %llu", (unsigned long long *)&present) == 1)
			pages += present;
	if (zones)
		fclose(zones);
	return pages * 4;
}

/* The value of a line "KEY : VALUE" of /proc/cpuinfo if it is one with that key. */
static const char *value_of(const char *line, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(line, key, length))
		return NULL;
	line += length + strspn(line + length, " \t");
	return *line == ':' ? line + 1 + strspn(line + 1, " ") : NULL;
}

/* How many processors the machine has, on or off: the sum of a list of ranges such as "0-3,5". */
static uint32_t processors(void)
{
	char list[1024];
	uint32_t sum = 0;

	if (!system_line("/sys/devices/system/cpu/present", list, sizeof(list)))
		return 0;
	for (char *range = list; *range; range += *range == ',') {
		unsigned long first = strtoul(range, &range, 10), last = first;

		if (*range == '-')
			last = strtoul(range + 1, &range, 10);
		if (last < first || (*range && *range != ','))
			return 0;
		sum += last - first + 1;
	}
	return sum;
}

/*
 * The processor by what a running kernel has adapted itself to: who made it, which one it is, and a
 * digest of its features.
 */
static void processor(char cpu[96])
{
	static const char * const keys[] = { "vendor_id", "cpu family", "model", "stepping" };
	char line[4096], said[4][24] = { "?", "?", "?", "?" };
	FILE *info = system_open("/proc/cpuinfo");
	uint32_t features = 0;
	const char *value;

	while (info && fgets(line, sizeof(line), info)) {
		line[strcspn(line, "\n")] = 0;
		if ((value = value_of(line, "flags")) || (value = value_of(line, "Features")))
			features = xxh32(0, value, strlen(value));
		for (int i = 0; i < 4; i++)
			if ((value = value_of(line, keys[i])))
				snprintf(said[i], sizeof(said[i]), "%.23s", value);
	}
	if (info)
		fclose(info);
	snprintf(cpu, 96, "%.20s family %.7s model %.7s stepping %.7s features %08x", said[0], said[1],
		 said[2], said[3], features);
}

void identity_describe(struct snap_header *header)
{
	struct utsname kernel;

	uname(&kernel);
	snprintf(header->kernel_release, sizeof(header->kernel_release), "%s", kernel.release);
	snprintf(header->kernel_version, sizeof(header->kernel_version), "%s", kernel.version);
	snprintf(header->architecture, sizeof(header->architecture), "%.15s", kernel.machine);
	build_id(header->kernel_build_id);
	system_line("/proc/sys/kernel/random/boot_id", header->boot_id, sizeof(header->boot_id));
	system_line("/sys/class/dmi/id/product_uuid", header->machine_id,
		    sizeof(header->machine_id));
	processor(header->cpu);
	header->cpus = processors();
	header->memory_kib = memory_kib();
	header->created = time(NULL);
}

int identity_check(const char *name, const struct snap_header *then)
{
	struct snap_header now = { 0 };

	identity_describe(&now);
	if (strcmp(then->kernel_release, now.kernel_release) ||
	    strcmp(then->kernel_version, now.kernel_version) ||
	    strcmp(then->architecture, now.architecture))
		return complain(name, "is of another kernel: it was made by %s %s (%s), this is %s %s (%s); boot that kernel to restore it, or remove it",
				then->kernel_release, then->kernel_version, then->architecture,
				now.kernel_release, now.kernel_version, now.architecture);
	if (memcmp(then->kernel_build_id, now.kernel_build_id, sizeof(now.kernel_build_id)))
		return complain(name, "is of another build of kernel %s; boot that build to restore it, or remove it",
				then->kernel_release);
	if (strcmp(then->machine_id, now.machine_id))
		return complain(name, "is of another machine: its firmware's UUID was %s, here it is %s; restore it there, or remove it",
				then->machine_id, now.machine_id);
	if (strcmp(then->cpu, now.cpu) || then->cpus != now.cpus)
		return complain(name, "is of a machine with other processors: %u of %s, here %u of %s; restore it there, or remove it",
				then->cpus, then->cpu, now.cpus, now.cpu);
	if (then->memory_kib != now.memory_kib)
		return complain(name, "is of a machine with %llu KiB of memory, this one has %llu KiB; give it the same memory, or remove the image",
				(unsigned long long)then->memory_kib,
				(unsigned long long)now.memory_kib);
	return 0;
}
