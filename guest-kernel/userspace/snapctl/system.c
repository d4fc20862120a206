// SPDX-License-Identifier: GPL-2.0-only
#include "system.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char *system_root = "";

void system_path(char path[SYSTEM_PATH_MAX], const char *format, ...)
{
	va_list arguments;
	int root, rest;

	root = snprintf(path, SYSTEM_PATH_MAX, "%s", system_root);
	if (root >= SYSTEM_PATH_MAX) {
		path[0] = 0;
		return;
	}
	va_start(arguments, format);
	rest = vsnprintf(path + root, SYSTEM_PATH_MAX - root, format, arguments);
	va_end(arguments);
	if (root + rest >= SYSTEM_PATH_MAX)
		path[0] = 0;
}

FILE *system_open(const char *path)
{
	char full[SYSTEM_PATH_MAX];

	system_path(full, "%s", path);
	return fopen(full, "re");
}

bool system_line(const char *path, char *line, size_t size)
{
	FILE *file = system_open(path);
	bool found;

	line[0] = 0;
	if (!file)
		return false;
	found = fgets(line, size, file);
	fclose(file);
	line[strcspn(line, "\n")] = 0;
	return found;
}

uint64_t system_number(const char *path)
{
	char line[32];

	return system_line(path, line, sizeof(line)) ? strtoull(line, NULL, 10) : 0;
}

unsigned int system_device(dev_t device)
{
	return (minor(device) & 0xff) | major(device) << 8 | (minor(device) & ~0xffU) << 12;
}

bool system_link(const char *path, char *name, size_t size)
{
	char full[SYSTEM_PATH_MAX], target[PATH_MAX], *last;
	ssize_t length;

	system_path(full, "%s", path);
	length = readlink(full, target, sizeof(target) - 1);
	name[0] = 0;
	if (length <= 0)
		return false;
	target[length] = 0;
	last = strrchr(target, '/');
	return (size_t)snprintf(name, size, "%s", last ? last + 1 : target) < size;
}
