// SPDX-License-Identifier: GPL-2.0-only
/*
 * scribble [FOLDER...]: spoils what a live timeline can reach, so that a trace of it in the restored one shows.
 *
 * Stops every process and changes each byte of its memory: anonymous pages whatever their protection, shared ones
 * where they are writable, pages in swap. They would crash, so they are killed. Then changes each byte of each
 * regular file in the folders, without crossing into other filesystems.
 *
 * Refuses on a machine that would not come back from its image. Spares itself, process 1, whoever has the descriptor of a snapshot, and the ancestors of all these.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/rig.h"

#define PIDS_MAX 32768
/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_FILE_OR_SHARED (UINT64_C(1) << 61)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)

enum fate { ABSENT, SPOILED, SPARED };

static unsigned char fate_of[PIDS_MAX + 1];
static pid_t parent_of[PIDS_MAX + 1];
static unsigned long processes, pages, pages_refused, files, files_refused;

/* Adds: what several processes share must differ as well after the second time. */
static void spoil(unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] += 0x55;
}

/* Kernel threads have no program. */
static bool is_userspace(pid_t pid)
{
	char path[32], target[2];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target)) > 0;
}

static pid_t read_parent(pid_t pid)
{
	char path[32], text[512];
	const char *after_name;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (rig_read_file(path, text, sizeof(text)) < 0)
		return 0;
	/* A program's name may hold anything, so its end is the last parenthesis. */
	after_name = strrchr(text, ')');
	if (after_name)
		sscanf(after_name + 1, " %*c %d", &parent);
	return parent;
}

static bool has_snapshot(pid_t pid)
{
	char folder[32], path[PATH_MAX], target[64];
	bool found = false;
	struct dirent *entry;
	DIR *descriptors;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
	descriptors = opendir(folder);
	if (!descriptors)
		return false;
	while (!found && (entry = readdir(descriptors))) {
		ssize_t length;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length > 0) {
			target[length] = '\0';
			found = !strcmp(target, "anon_inode:[snapshot]");
		}
	}
	closedir(descriptors);
	return found;
}

static void spare(pid_t pid)
{
	for (; pid > 0 && pid <= PIDS_MAX && fate_of[pid] != SPARED; pid = parent_of[pid])
		fate_of[pid] = SPARED;
}

static void send_all(int signal)
{
	for (pid_t pid = 1; pid <= PIDS_MAX; pid++)
		if (fate_of[pid] == SPOILED)
			kill(pid, signal);
}

static bool list_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc) {
		rig_say("cannot list /proc: %s", strerror(errno));
		return false;
	}
	while ((entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid <= 0 || pid > PIDS_MAX || !is_userspace(pid))
			continue;
		fate_of[pid] = SPOILED;
		parent_of[pid] = read_parent(pid);
	}
	closedir(proc);
	spare(1);
	spare(getpid());
	for (pid_t pid = 1; pid <= PIDS_MAX; pid++)
		if (fate_of[pid] == SPOILED && has_snapshot(pid))
			spare(pid);
	return true;
}

static bool spoil_page(int memory, off_t at, size_t size)
{
	static unsigned char page[65536];

	if (pread(memory, page, size, at) != (ssize_t)size)
		return false;
	spoil(page, size);
	return pwrite(memory, page, size, at) == (ssize_t)size;
}

static void spoil_mapping(int memory, int pagemap, uint64_t start, uint64_t end, bool shared_writable)
{
	uint64_t size = sysconf(_SC_PAGESIZE);

	for (uint64_t at = start; at < end; at += size) {
		uint64_t entry;

		if (pread(pagemap, &entry, sizeof(entry), at / size * sizeof(entry)) != sizeof(entry))
			return;
		if (!(entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)))
			continue;
		if ((entry & PAGEMAP_FILE_OR_SHARED) && !shared_writable)
			continue;
		if (spoil_page(memory, at, size))
			pages++;
		else
			pages_refused++;
	}
}

static void spoil_memory(pid_t pid)
{
	char path[32], *line = NULL;
	size_t room = 0;
	int memory, pagemap;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (maps && memory >= 0 && pagemap >= 0) {
		processes++;
		while (getline(&line, &room, maps) > 0) {
			uint64_t start, end;
			char rights[5];

			if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, rights) == 3)
				spoil_mapping(memory, pagemap, start, end, rights[1] == 'w' && rights[3] == 's');
		}
	}
	free(line);
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	if (pagemap >= 0)
		close(pagemap);
}

static int spoil_file(const char *path, const struct stat *status, int type, struct FTW *at)
{
	static unsigned char bytes[65536];
	ssize_t count = 0;
	off_t done = 0;
	int file;

	(void)at;
	if (type != FTW_F || !S_ISREG(status->st_mode))
		return 0;
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0) {
		files_refused++;
		return 0;
	}
	while ((count = pread(file, bytes, sizeof(bytes), done)) > 0) {
		spoil(bytes, count);
		if (pwrite(file, bytes, count, done) != count) {
			count = -1;
			break;
		}
		done += count;
	}
	if (count < 0)
		files_refused++;
	else
		files++;
	close(file);
	return 0;
}

int main(int argc, char **argv)
{
	char image[PATH_MAX];

	if (!rig_option("rig.image", image, sizeof(image))) {
		rig_say("this machine is not told to resume (no rig.image= on the kernel command line): what is spoiled would not come back");
		return 1;
	}
	if (!list_processes())
		return 1;
	/* All stand still before the first is touched: they may share memory. */
	send_all(SIGSTOP);
	for (pid_t pid = 1; pid <= PIDS_MAX; pid++)
		if (fate_of[pid] == SPOILED)
			spoil_memory(pid);
	send_all(SIGKILL);
	for (int i = 1; i < argc; i++)
		if (nftw(argv[i], spoil_file, 32, FTW_PHYS | FTW_MOUNT)) {
			rig_say("cannot walk through %s: %s", argv[i], strerror(errno));
			return 1;
		}
	sync();
	printf("%lu pages of %lu processes, %lu files; refused: %lu pages, %lu files\n", pages, processes, files, pages_refused, files_refused);
	return pages && (argc == 1 || files) ? 0 : 1;
}
