// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of the kernel's cryptography (AF_ALG): a hash half way through, and a cipher with its key. */
#include "../check.h"

#include <linux/if_alg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES 1000
#define FIRST 777
#define DIGEST 32
#define BLOCKS 64
#define KEY 32

#ifndef AF_ALG
#define AF_ALG 38
#endif
#ifndef SOL_ALG
#define SOL_ALG 279
#endif

static uint8_t data[BYTES], enciphered[BLOCKS];
static int hash, half_hashed, cipher;

static int bind_to(const char *type, const char *name)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG };
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);

	snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *missing(void)
{
	int one = bind_to("hash", "sha256"), other = bind_to("skcipher", "cbc(aes)");
	const char *why = one < 0 || other < 0 ? "no cryptography by sockets in this kernel" : NULL;

	close(one);
	close(other);
	return why;
}

static void digest_of(int operation, const void *bytes, size_t count, uint8_t *digest)
{
	must(send(operation, bytes, count, 0));
	read_all(operation, digest, DIGEST);
}

/* The same each time: the vector is set anew. */
static void encipher(uint8_t *result)
{
	struct {
		struct af_alg_iv iv;
		uint8_t bytes[16];
	} vector = { .iv.ivlen = 16 };
	uint8_t control[CMSG_SPACE(4) + CMSG_SPACE(sizeof(vector))] = { 0 };
	struct iovec plain = { .iov_base = data, .iov_len = BLOCKS };
	struct msghdr message = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
		.msg_iov = &plain,
		.msg_iovlen = 1,
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	uint32_t operation = ALG_OP_ENCRYPT;

	part->cmsg_level = SOL_ALG;
	part->cmsg_type = ALG_SET_OP;
	part->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(part), &operation, 4);
	part = CMSG_NXTHDR(&message, part);
	part->cmsg_level = SOL_ALG;
	part->cmsg_type = ALG_SET_IV;
	part->cmsg_len = CMSG_LEN(sizeof(vector));
	memcpy(CMSG_DATA(part), &vector, sizeof(vector));
	must(sendmsg(cipher, &message, 0));
	read_all(cipher, result, BLOCKS);
}

static void prepare(void)
{
	uint8_t key[KEY];
	int bound;

	pattern_fill(data, sizeof(data), check_seed());
	pattern_fill(key, sizeof(key), check_seed() + 1);
	hash = must(bind_to("hash", "sha256"));
	half_hashed = must(accept(hash, NULL, NULL));
	must(send(half_hashed, data, FIRST, MSG_MORE));
	bound = must(bind_to("skcipher", "cbc(aes)"));
	must(setsockopt(bound, SOL_ALG, ALG_SET_KEY, key, sizeof(key)));
	/* From here on the key is in the kernel alone. */
	memset(key, 0, sizeof(key));
	cipher = must(accept(bound, NULL, NULL));
	encipher(enciphered);
}

static void corrupt(void)
{
	must(send(half_hashed, data, 1, MSG_MORE));
}

static void verify(void)
{
	uint8_t resumed[DIGEST], whole[DIGEST], again[BLOCKS];

	digest_of(half_hashed, data + FIRST, BYTES - FIRST, resumed);
	digest_of(must(accept(hash, NULL, NULL)), data, BYTES, whole);
	check_that(!memcmp(resumed, whole, DIGEST), "a hash half way through has forgotten its part");
	encipher(again);
	check_that(!memcmp(again, enciphered, BLOCKS), "a cipher has another key");
}

CHECK(.name = "af-alg", .about = "hashes and ciphers by socket go on", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
