// SPDX-License-Identifier: GPL-2.0-only
/* Pages that the kernel has merged because they are alike (KSM), and that the live timeline parts again. */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 64
#define SETTING "/sys/kernel/mm/ksm/"
#define WAIT_MS_MAX 20000

static uint8_t *memory;

static const char *missing(void)
{
	return access(SETTING "run", W_OK) ? "KSM cannot be switched on" : NULL;
}

static void write_setting(const char *name, const char *text)
{
	int fd = must(open(check_path(SETTING, name), O_WRONLY | O_CLOEXEC));

	write_all(fd, text, strlen(text));
	close(fd);
}

static int merged(void)
{
	char text[32];

	return atoi(slurp("/proc/self/ksm_merging_pages", text, sizeof(text)));
}

/* Every page is the same. */
static void prepare(void)
{
	char run[8];

	memory = must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	must(madvise(memory, PAGES * PAGE, MADV_MERGEABLE));
	for (int page = 0; page < PAGES; page++)
		pattern_fill(memory + page * PAGE, PAGE, check_seed());
	slurp(SETTING "run", run, sizeof(run));
	write_setting("run", "1");
	for (int waited = 0; merged() < PAGES - 1 && waited < check_bound_ms(WAIT_MS_MAX); waited += 20)
		sleep_ms(20);
	/* What has been merged stays so. */
	write_setting("run", strcmp(run, "2") ? run : "0");
	if (merged() < PAGES - 1)
		check_die("only %d of %d pages were merged", merged(), PAGES);
}

static void corrupt(void)
{
	for (int page = 0; page < PAGES; page += 2)
		memory[page * PAGE + page] ^= 1;
	must(madvise(memory, PAGES * PAGE, MADV_UNMERGEABLE));
	for (int page = 1; page < PAGES; page += 2)
		memory[page * PAGE + page] ^= 1;
}

static void verify(void)
{
	check_that(merged() >= PAGES - 1, "only %d of %d pages are merged still", merged(), PAGES);
	for (int page = 0; page < PAGES; page++)
		pattern_check("merged page", memory + page * PAGE, PAGE, check_seed());
}

CHECK(.name = "live-merged", .about = "merged pages outlive being parted and written to",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
