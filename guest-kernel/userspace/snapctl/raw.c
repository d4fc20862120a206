// SPDX-License-Identifier: GPL-2.0-only
#include "raw.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

/* Does a link in /proc name a node of a device? Others are not looked at: their server might not answer. */
static bool names_node(int files, const char *number)
{
	char target[SYSTEM_PATH_MAX];
	ssize_t length = readlinkat(files, number, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = 0;
	return strstr(target, "/dev/");
}

/* The mode of the link says what the file has been opened for. */
static bool is_writable(int files, const char *number)
{
	struct stat link;

	return !fstatat(files, number, &link, AT_SYMLINK_NOFOLLOW) && link.st_mode & S_IWUSR;
}

static void add_of_process(char *list, const char *process)
{
	char path[SYSTEM_PATH_MAX];
	struct dirent *entry;
	struct stat status;
	DIR *files;

	system_path(path, "/proc/%.16s/fd", process);
	files = opendir(path);
	while (files && (entry = readdir(files)))
		if (names_node(dirfd(files), entry->d_name) && is_writable(dirfd(files), entry->d_name) &&
		    !fstatat(dirfd(files), entry->d_name, &status, 0) && S_ISBLK(status.st_mode))
			filesystems_add(list, status.st_rdev);
	if (files)
		closedir(files);
}

void raw_devices_list(char list[FILESYSTEMS_LIST_MAX])
{
	char path[SYSTEM_PATH_MAX];
	struct dirent *entry;
	DIR *all;

	system_path(path, "/proc");
	all = opendir(path);
	while (all && (entry = readdir(all)))
		if (isdigit((unsigned char)entry->d_name[0]))
			add_of_process(list, entry->d_name);
	if (all)
		closedir(all);
}
