// SPDX-License-Identifier: GPL-2.0-only
#include "crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dm-request.h"

#define KEY_BYTES 32
#define NODE "/dev/snapctl-store"

static int load_table(const struct crypt *crypt, const struct stat *store, const char *cipher, const uint8_t *key,
		      uint64_t from, uint64_t chunks)
{
	struct dm_request load = { 0 };
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
	result = dm_request(crypt->control, DM_TABLE_LOAD, crypt->name, &load);
	explicit_bzero(digits, sizeof(digits));
	explicit_bzero(&load, sizeof(load));
	return result;
}

int crypt_begin(struct crypt *crypt, int store, const char *cipher, const uint8_t *key, uint64_t from,
		uint64_t chunks)
{
	struct dm_request create = { 0 }, resume = { 0 };
	struct stat status;

	crypt->file = -1;
	snprintf(crypt->name, sizeof(crypt->name), "snapctl-recover-%d", getpid());
	crypt->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (crypt->control < 0)
		return -1;
	if (fstat(store, &status) || dm_request(crypt->control, DM_DEV_CREATE, crypt->name, &create)) {
		close(crypt->control);
		return -1;
	}
	unlink(NODE);
	if (!load_table(crypt, &status, cipher, key, from, chunks) &&
	    !dm_request(crypt->control, DM_DEV_SUSPEND, crypt->name, &resume) &&
	    !mknod(NODE, S_IFBLK | 0600, dm_device_number(create.head.dev)))
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
	struct dm_request removal = { 0 };
	int error = errno;

	if (crypt->file >= 0)
		close(crypt->file);
	unlink(NODE);
	dm_request(crypt->control, DM_DEV_REMOVE, crypt->name, &removal);
	close(crypt->control);
	errno = error;
}
