// SPDX-License-Identifier: GPL-2.0-only
/* Transparent huge pages, which the live timeline splits and writes to. */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../region.h"

/* As large as on i386; elsewhere they are smaller. */
#define HUGE (4u << 20)
#define HUGE_PAGES 2
#define SETTING "/sys/kernel/mm/transparent_hugepage/enabled"

static struct region region;

static const char *missing(void)
{
	return access(SETTING, W_OK) ? "huge pages cannot be switched on" : NULL;
}

static void write_setting(const char *text)
{
	int fd = must(open(SETTING, O_WRONLY | O_CLOEXEC));

	write_all(fd, text, strlen(text));
	close(fd);
}

static long huge_kib(void)
{
	static char text[4096];
	const char *line = strstr(slurp("/proc/self/smaps_rollup", text, sizeof(text)),
				  "AnonHugePages:");

	return line ? atol(line + 14) : -1;
}

static void prepare(void)
{
	char setting[64];
	/* Kernels on small machines have them switched off. */
	bool is_off = strstr(slurp(SETTING, setting, sizeof(setting)), "[never]");
	uint8_t *memory = must(mmap(NULL, (HUGE_PAGES + 1) * HUGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	region.memory = (uint8_t *)(((uintptr_t)memory + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	region.bytes = HUGE_PAGES * HUGE;
	if (is_off)
		write_setting("madvise");
	must(madvise(region.memory, region.bytes, MADV_HUGEPAGE));
	pattern_fill(region.memory, region.bytes, check_seed());
	if (is_off)
		write_setting("never");
	if (huge_kib() <= 0)
		check_skip("no huge page was to be had");
}

/* Takes the first apart by a hole, the second by protection; and writes to what is left of them. */
static void corrupt(void)
{
	uint8_t *second = region.memory + HUGE;

	must(munmap(region.memory + 5 * PAGE, PAGE));
	must(mmap(region.memory + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	must(mprotect(second + 7 * PAGE, PAGE, PROT_READ));
	for (size_t at = 0; at < region.bytes; at += PAGE)
		if (at != HUGE + 7 * PAGE)
			region.memory[at] ^= 1;
}

static void verify(void)
{
	region_verify("a huge page", region);
}

CHECK(.name = "live-huge", .about = "huge pages outlive being split and written to",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
