// SPDX-License-Identifier: GPL-2.0-only
/* A sealed memfd: contents, size and seals. */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES 200000
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static int fd;
static uint8_t contents[BYTES];

static int sealed_memfd(uint32_t seed)
{
	int new_fd = must(memfd_create("selfcheck", MFD_ALLOW_SEALING));

	pattern_fill(contents, BYTES, seed);
	write_all(new_fd, contents, BYTES);
	must(fcntl(new_fd, F_ADD_SEALS, SEALS));
	return new_fd;
}

static void prepare(void)
{
	fd = sealed_memfd(check_seed());
}

static void corrupt(void)
{
	fd = sealed_memfd(check_seed() + 1);
}

static void verify(void)
{
	check_that(fcntl(fd, F_GET_SEALS) == SEALS, "the seals are 0x%x, not 0x%x",
		   fcntl(fd, F_GET_SEALS), SEALS);
	check_that(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM, "a sealed memfd can be written");
	must(lseek(fd, 0, SEEK_SET));
	memset(contents, 0, BYTES);
	read_all(fd, contents, BYTES);
	pattern_check("memfd", contents, BYTES, check_seed());
}

CHECK(.name = "memfd", .about = "a memfd keeps contents and seals", .prepare = prepare,
      .corrupt = corrupt, .verify = verify)
