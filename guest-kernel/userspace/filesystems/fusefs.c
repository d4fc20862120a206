// SPDX-License-Identifier: GPL-2.0-only
/*
 * fusefs FOLDER [DEVICE]: a filesystem in the memory of this program, mounted on FOLDER through /dev/fuse.
 *
 * With DEVICE, what files contain is on that block device, which this program reads and writes by way of the page
 * cache, and the kernel is told of it (fuseblk), as ntfs-3g does. What files there are is still in memory.
 *
 * One directory and a few small files: enough to see what becomes of files behind a program.
 * Speaks the kernel's protocol (linux/fuse.h) itself. Prints a line once it is mounted, and ends
 * when FOLDER is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "../lib/rig.h"

#define FILES_MAX 16
#define FILE_BYTES_MAX (64 << 10)
#define NAME_BYTES_MAX 64
#define WRITE_BYTES_MAX (32 << 10)

struct file {
	char name[NAME_BYTES_MAX];
	unsigned int mode;
	size_t size;
	unsigned char *bytes;
};

/* Node numbers are indices plus two; one is the directory. */
static struct file files[FILES_MAX];
static int device;
/* Where the contents of files are, or -1. Each file has as much room as the largest may take. */
static int disk = -1;

static struct file *file_of(uint64_t node)
{
	return node >= 2 && node < 2 + FILES_MAX && files[node - 2].bytes ? &files[node - 2] : NULL;
}

static struct file *find(const char *name)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (files[i].bytes && !strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

static uint64_t node_of(const struct file *file)
{
	return file - files + 2;
}

static off_t place_of(const struct file *file)
{
	return (off_t)(file - files) * FILE_BYTES_MAX;
}

static void reply(uint64_t unique, int error, const void *data, size_t size)
{
	static struct {
		struct fuse_out_header header;
		unsigned char data[WRITE_BYTES_MAX + 4096];
	} answer;

	answer.header.unique = unique;
	answer.header.error = -error;
	answer.header.len = sizeof(answer.header) + size;
	memcpy(answer.data, data, size);
	/* ENOENT: whoever asked is gone. */
	if (write(device, &answer, answer.header.len) < 0 && errno != ENOENT)
		rig_say("answer: %s", strerror(errno));
}

static struct fuse_attr attributes(const struct file *file)
{
	struct fuse_attr attr = { .ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096 };

	if (file) {
		attr.ino = node_of(file);
		attr.mode = S_IFREG | file->mode;
		attr.nlink = 1;
		attr.size = file->size;
		attr.blocks = (file->size + 511) / 512;
	}
	return attr;
}

static void reply_attributes(uint64_t unique, const struct file *file)
{
	struct fuse_attr_out out = { .attr = attributes(file) };

	reply(unique, 0, &out, sizeof(out));
}

static struct fuse_entry_out entry_of(const struct file *file)
{
	return (struct fuse_entry_out){ .nodeid = node_of(file), .attr = attributes(file) };
}

static void initialise(uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor :
								 FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.max_write = WRITE_BYTES_MAX,
		.max_background = 8,
		.congestion_threshold = 6,
	};

	reply(unique, 0, &out, sizeof(out));
}

static void look_up(uint64_t unique, const char *name)
{
	struct file *file = find(name);
	struct fuse_entry_out out;

	if (!file) {
		reply(unique, ENOENT, NULL, 0);
		return;
	}
	out = entry_of(file);
	reply(unique, 0, &out, sizeof(out));
}

static void create(uint64_t unique, const struct fuse_create_in *in)
{
	const char *name = (const char *)(in + 1);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = { 0 };

	for (int i = 0; i < FILES_MAX; i++) {
		struct file *file = &files[i];

		if (file->bytes)
			continue;
		file->bytes = calloc(1, FILE_BYTES_MAX);
		if (!file->bytes || strlen(name) >= sizeof(file->name))
			break;
		strcpy(file->name, name);
		file->mode = in->mode & 07777;
		file->size = 0;
		out.entry = entry_of(file);
		reply(unique, 0, &out, sizeof(out));
		return;
	}
	reply(unique, ENOSPC, NULL, 0);
}

static void change(uint64_t unique, struct file *file, const struct fuse_setattr_in *in)
{
	if (file && (in->valid & FATTR_SIZE)) {
		if (in->size > FILE_BYTES_MAX) {
			reply(unique, EFBIG, NULL, 0);
			return;
		}
		if (in->size < file->size) {
			memset(file->bytes + in->size, 0, file->size - in->size);
			if (disk >= 0 && pwrite(disk, file->bytes + in->size, file->size - in->size,
						place_of(file) + in->size) < 0) {
				reply(unique, errno, NULL, 0);
				return;
			}
		}
		file->size = in->size;
	}
	if (file && (in->valid & FATTR_MODE))
		file->mode = in->mode & 07777;
	reply_attributes(unique, file);
}

static void read_file(uint64_t unique, const struct file *file, const struct fuse_read_in *in)
{
	size_t left = in->offset < file->size ? file->size - in->offset : 0;

	if (left > in->size)
		left = in->size;
	if (left > WRITE_BYTES_MAX)
		left = WRITE_BYTES_MAX;
	if (disk >= 0 && pread(disk, file->bytes + in->offset, left, place_of(file) + in->offset) != (ssize_t)left) {
		reply(unique, EIO, NULL, 0);
		return;
	}
	reply(unique, 0, file->bytes + in->offset, left);
}

static void write_file(uint64_t unique, struct file *file, const struct fuse_write_in *in)
{
	struct fuse_write_out out = { .size = in->size };

	if (in->offset + in->size > FILE_BYTES_MAX) {
		reply(unique, ENOSPC, NULL, 0);
		return;
	}
	if (disk >= 0 && pwrite(disk, in + 1, in->size, place_of(file) + in->offset) != (ssize_t)in->size) {
		reply(unique, EIO, NULL, 0);
		return;
	}
	memcpy(file->bytes + in->offset, in + 1, in->size);
	if (file->size < in->offset + in->size)
		file->size = in->offset + in->size;
	reply(unique, 0, &out, sizeof(out));
}

static void read_directory(uint64_t unique, const struct fuse_read_in *in)
{
	unsigned char list[4096];
	size_t used = 0;

	for (uint64_t i = in->offset; i < FILES_MAX; i++) {
		size_t length = strlen(files[i].name);
		size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
		struct fuse_dirent entry = { .ino = i + 2, .off = i + 1, .namelen = length,
					     .type = S_IFREG >> 12 };

		if (!files[i].bytes)
			continue;
		if (used + size > sizeof(list) || used + size > in->size)
			break;
		memset(list + used, 0, size);
		memcpy(list + used, &entry, FUSE_NAME_OFFSET);
		memcpy(list + used + FUSE_NAME_OFFSET, files[i].name, length);
		used += size;
	}
	reply(unique, 0, list, used);
}

static void remove_file(uint64_t unique, const char *name)
{
	struct file *file = find(name);

	if (file) {
		free(file->bytes);
		file->bytes = NULL;
	}
	reply(unique, file ? 0 : ENOENT, NULL, 0);
}

static void serve(const struct fuse_in_header *in)
{
	const void *body = in + 1;
	struct file *file = file_of(in->nodeid);
	struct fuse_open_out opened = { 0 };
	struct fuse_statfs_out statistics = {
		.st = { .bsize = 4096, .frsize = 4096, .namelen = NAME_BYTES_MAX - 1 },
	};

	switch (in->opcode) {
	case FUSE_INIT:
		initialise(in->unique, body);
		return;
	case FUSE_LOOKUP:
		look_up(in->unique, body);
		return;
	case FUSE_CREATE:
		create(in->unique, body);
		return;
	case FUSE_UNLINK:
		remove_file(in->unique, body);
		return;
	case FUSE_GETATTR:
		reply_attributes(in->unique, file);
		return;
	case FUSE_SETATTR:
		change(in->unique, file, body);
		return;
	case FUSE_READDIR:
		read_directory(in->unique, body);
		return;
	case FUSE_STATFS:
		reply(in->unique, 0, &statistics, sizeof(statistics));
		return;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(in->unique, 0, &opened, sizeof(opened));
		return;
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		reply(in->unique, 0, NULL, 0);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	case FUSE_READ:
		if (file) {
			read_file(in->unique, file, body);
			return;
		}
		break;
	case FUSE_WRITE:
		if (file) {
			write_file(in->unique, file, body);
			return;
		}
		break;
	}
	reply(in->unique, ENOSYS, NULL, 0);
}

static int mount_on(const char *folder, const char *source)
{
	char options[80];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		rig_say("/dev/fuse: %s", strerror(errno));
		return -1;
	}
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other",
		 device);
	if (source) {
		disk = open(source, O_RDWR | O_CLOEXEC);
		if (disk < 0) {
			rig_say("%s: %s", source, strerror(errno));
			return -1;
		}
	}
	if (mount(source ? source : "fusefs", folder, source ? "fuseblk" : "fuse", MS_NOSUID | MS_NODEV, options)) {
		rig_say("%s: %s", folder, strerror(errno));
		return -1;
	}
	return 0;
}

/* Until the filesystem is unmounted. */
static int serve_all(void)
{
	static unsigned char request[FUSE_MIN_READ_BUFFER + WRITE_BYTES_MAX];

	for (;;) {
		ssize_t got = read(device, request, sizeof(request));

		if (got >= (ssize_t)sizeof(struct fuse_in_header)) {
			serve((const struct fuse_in_header *)request);
		} else if (got < 0 && errno == ENODEV) {
			return 0;
		} else if (got >= 0 || (errno != EINTR && errno != EAGAIN && errno != ENOENT)) {
			rig_say("request: %s", strerror(errno));
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3) {
		fputs("usage: fusefs FOLDER [DEVICE]\n", stderr);
		return 2;
	}
	if (mount_on(argv[1], argv[2]))
		return 1;
	puts("mounted");
	fflush(stdout);
	return serve_all();
}
