// SPDX-License-Identifier: GPL-2.0-only
#include "busy.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

#define OTHERS "; close the last snapshot, end other system sleep, resume suspended devices, and see that the store is not in use"

/* What the kernel's messages contain, and what to do then. */
static const struct {
	const char *text, *remedy;
} known[] = {
	{ " is frozen already", "; thaw the filesystem that the kernel names below: fsfreeze --unfreeze FOLDER" },
	{ " has been opened for writing by a program", "; end the program that writes to the device that the kernel names below, or give the device a substitute: --raw-devices substitute" },
	{ " are being changed", "; wait until data is no longer moved on the filesystem that the kernel names below: btrfs balance status FOLDER" },
	{ " refusing to freeze", "; the kernel names below the task that could not be stopped, and where it waits: end it, or what it waits for" },
	{ " is suspended", "; resume the device that the kernel names below, or the one below it: dmsetup resume NAME" },
};

/* Does a process have a file open of which the link in /proc says this? */
static bool has_open(const char *process, const char *what)
{
	char path[SYSTEM_PATH_MAX], target[64];
	struct dirent *entry;
	bool found = false;
	ssize_t length;
	DIR *files;

	system_path(path, "/proc/%s/fd", process);
	files = opendir(path);
	while (files && !found && (entry = readdir(files))) {
		length = readlinkat(dirfd(files), entry->d_name, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		found = !strcmp(target, what);
	}
	if (files)
		closedir(files);
	return found;
}

/* Says which process has it open. */
static bool holder(const char *what, const char *remedy, char text[BUSY_TEXT_MAX])
{
	char path[SYSTEM_PATH_MAX], name[32], file[SYSTEM_PATH_MAX], self[16];
	struct dirent *entry;
	bool found = false;
	DIR *all;

	/* Not this process, which may have got it from another. */
	snprintf(self, sizeof(self), "%d", getpid());
	system_path(path, "/proc");
	all = opendir(path);
	while (all && !found && (entry = readdir(all))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !strcmp(entry->d_name, self) || !has_open(entry->d_name, what))
			continue;
		snprintf(file, sizeof(file), "/proc/%.16s/comm", entry->d_name);
		if (!system_line(file, name, sizeof(name)))
			strcpy(name, "a process");
		snprintf(text, BUSY_TEXT_MAX, "; %s (pid %.16s) %s", name, entry->d_name, remedy);
		found = true;
	}
	if (all)
		closedir(all);
	return found;
}

static bool in_use(const char *store)
{
	int file = store ? open(store, O_RDONLY | O_EXCL | O_CLOEXEC) : -1;

	if (file >= 0)
		close(file);
	return store && file < 0 && errno == EBUSY;
}

void busy_remedy(const char *store, const char *kernel_said, char text[BUSY_TEXT_MAX])
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(kernel_said, known[i].text)) {
			snprintf(text, BUSY_TEXT_MAX, "%s", known[i].remedy);
			return;
		}
	if (holder("anon_inode:[snapshot]", "holds the image of another snapshot: await its end, or end it", text) ||
	    holder("/dev/snapshot", "has /dev/snapshot open for another system sleep: await its end, or end it", text))
		return;
	if (in_use(store))
		snprintf(text, BUSY_TEXT_MAX, "; the store is in use, as a filesystem, as swap or by another device: name another, or free it");
	else
		snprintf(text, BUSY_TEXT_MAX, "%s",
			 *kernel_said ? "; the kernel names below what is in the way" : OTHERS);
}
