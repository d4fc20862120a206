/* SPDX-License-Identifier: GPL-2.0-only */
/* Chunks of a store, decrypted by dm-crypt. */
#ifndef SNAPCTL_CRYPT_H
#define SNAPCTL_CRYPT_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of a chunk. */
#define CRYPT_CHUNK 4096

/* A mapped device that shows the chunks; it is there until crypt_end(). */
struct crypt {
	int control, file;
	char name[64];
};

/* `key` has 32 bytes, `from` is where the chunks begin on the store, in bytes. 0, or -1 and errno. */
int crypt_begin(struct crypt *crypt, int store, const char *cipher, const uint8_t *key, uint64_t from,
		uint64_t chunks);
int crypt_read(const struct crypt *crypt, uint64_t number, uint8_t data[CRYPT_CHUNK]);
void crypt_end(struct crypt *crypt);

#endif
