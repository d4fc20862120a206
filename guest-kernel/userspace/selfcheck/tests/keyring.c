// SPDX-License-Identifier: GPL-2.0-only
/* Keyrings: keys with their content, one that expires, one that was revoked, and who may read them. */
#include "../check.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES 200
/* Longer than any run, so that only its being counted down can be seen. */
#define EXPIRES_S 1000000

static int32_t ring, content, revoked;

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0);
}

static const char *missing(void)
{
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0)
		return NULL;
	return errno == ENOSYS ? "no keyrings in this kernel" : "keyrings may not be used here";
}

static int32_t add(const char *name, const void *payload, size_t bytes)
{
	return must(syscall(SYS_add_key, "user", name, payload, bytes, KEY_SPEC_SESSION_KEYRING));
}

static void prepare(void)
{
	uint8_t payload[BYTES];

	ring = must(keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"selfcheck", 0, 0));
	pattern_fill(payload, sizeof(payload), check_seed());
	content = add("content", payload, sizeof(payload));
	revoked = add("revoked", payload, sizeof(payload));
	must(keyctl(KEYCTL_REVOKE, revoked, 0, 0));
	must(keyctl(KEYCTL_SET_TIMEOUT, content, EXPIRES_S, 0));
}

static void corrupt(void)
{
	must(keyctl(KEYCTL_UPDATE, content, (unsigned long)"other", 5));
}

static void verify(void)
{
	uint8_t payload[BYTES + 1];
	long bytes = keyctl(KEYCTL_READ, content, (unsigned long)payload, sizeof(payload));
	long found = syscall(SYS_request_key, "user", "content", NULL, 0);

	if (bytes != BYTES)
		check_fail("a key has %ld bytes (%s)", bytes, bytes < 0 ? strerror(errno) : "no error");
	else
		pattern_check("a key", payload, BYTES, check_seed());
	check_that(found == content, "a key is not found by its name");
	/* ENOKEY: the kernel has collected the revoked key (key_gc_delay, 5 minutes by default). */
	check_that(keyctl(KEYCTL_READ, revoked, (unsigned long)payload, sizeof(payload)) < 0 &&
			   (errno == EKEYREVOKED || errno == ENOKEY),
		   "a revoked key can be read");
	check_that(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0) == ring,
		   "the session has another keyring");
}

CHECK(.name = "keyring", .about = "keyrings keep their keys", .missing = missing, .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
