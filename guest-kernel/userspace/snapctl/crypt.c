// SPDX-License-Identifier: GPL-2.0-only
#include "crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define KEY_BYTES 32
#define NODE "/dev/snapctl-store"

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[256];
};

static int ask(const struct crypt *crypt, unsigned long command, struct request *request)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = sizeof(*request);
	request->head.data_start = offsetof(struct request, target);
	snprintf(request->head.name, sizeof(request->head.name), "%s", crypt->name);
	return ioctl(crypt->control, command, request);
}

static int load_table(const struct crypt *crypt, const struct stat *store, const char *cipher, const uint8_t *key,
		      uint64_t from, uint64_t chunks)
{
	struct request load = { 0 };
	char digits[2 * KEY_BYTES + 1];
	int result;

	for (int i = 0; i < KEY_BYTES; i++)
		snprintf(digits + 2 * i, 3, "%02x", key[i]);
	load.head.target_count = 1;
	/* Nobody but us has use for what it shows. */
	load.head.flags = DM_READONLY_FLAG | DM_SECURE_DATA_FLAG;
	load.target.length = chunks * (CRYPT_CHUNK / 512);
	load.target.next = sizeof(load.target) + sizeof(load.parameters);
	strcpy(load.target.target_type, "crypt");
	snprintf(load.parameters, sizeof(load.parameters), "%.63s %s 0 %u:%u %llu", cipher, digits,
		 major(store->st_rdev), minor(store->st_rdev), (unsigned long long)from / 512);
	result = ask(crypt, DM_TABLE_LOAD, &load);
	explicit_bzero(digits, sizeof(digits));
	explicit_bzero(&load, sizeof(load));
	return result;
}

int crypt_begin(struct crypt *crypt, int store, const char *cipher, const uint8_t *key, uint64_t from,
		uint64_t chunks)
{
	struct request create = { 0 }, resume = { 0 };
	struct stat status;
	uint64_t dev;

	crypt->file = -1;
	snprintf(crypt->name, sizeof(crypt->name), "snapctl-recover-%d", getpid());
	crypt->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (crypt->control < 0)
		return -1;
	if (fstat(store, &status) || ask(crypt, DM_DEV_CREATE, &create)) {
		close(crypt->control);
		return -1;
	}
	/* The kernel packs the number as 12 bits of major around 20 of minor. */
	dev = create.head.dev;
	unlink(NODE);
	if (!load_table(crypt, &status, cipher, key, from, chunks) && !ask(crypt, DM_DEV_SUSPEND, &resume) &&
	    !mknod(NODE, S_IFBLK | 0600, makedev(dev >> 8 & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00))))
		crypt->file = open(NODE, O_RDONLY | O_CLOEXEC);
	if (crypt->file >= 0)
		return 0;
	crypt_end(crypt);
	return -1;
}

int crypt_read(const struct crypt *crypt, uint64_t number, uint8_t data[CRYPT_CHUNK])
{
	ssize_t done = pread(crypt->file, data, CRYPT_CHUNK, number * CRYPT_CHUNK);

	if (done >= 0 && done != CRYPT_CHUNK)
		errno = EIO;
	return done == CRYPT_CHUNK ? 0 : -1;
}

void crypt_end(struct crypt *crypt)
{
	struct request removal = { 0 };
	int error = errno;

	if (crypt->file >= 0)
		close(crypt->file);
	unlink(NODE);
	ask(crypt, DM_DEV_REMOVE, &removal);
	close(crypt->control);
	errno = error;
}
