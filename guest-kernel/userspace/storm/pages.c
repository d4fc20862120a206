// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts pages such that one that is lost shows: all that the kernel manages, less what is free,
 * less what it accounts for. What remains belongs to nobody that can be asked, and must not grow.
 */
#include "pages.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "storm.h"

/* The sum of the numbers behind `word`, as the first word of a line. */
static long sum_of(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	char line[256], first[64];
	long sum = 0, number;

	if (!file)
		die("%s cannot be opened", path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " %63s %ld", first, &number) == 2 && !strcmp(first, word))
			sum += number;
	fclose(file);
	return sum;
}

static long vmstat(const char *word)
{
	return sum_of("/proc/vmstat", word);
}

static struct pages count_now(void)
{
	static const char *const lists[] = { "nr_zone_inactive_anon", "nr_zone_active_anon",
					     "nr_zone_inactive_file", "nr_zone_active_file",
					     "nr_zone_unevictable",   "nr_isolated_anon",
					     "nr_isolated_file" };
	static const struct {
		const char *name, *path, *word;
		long per_page;
	} kinds[PAGES_KINDS] = {
		{ "reclaimable slab", "/proc/vmstat", "nr_slab_reclaimable", 1 },
		{ "slab", "/proc/vmstat", "nr_slab_unreclaimable", 1 },
		{ "page tables", "/proc/vmstat", "nr_page_table_pages", 1 },
		{ "stacks", "/proc/vmstat", "nr_kernel_stack", 4 },
		{ "vmalloc", "/proc/meminfo", "VmallocUsed:", 4 },
		{ "percpu", "/proc/meminfo", "Percpu:", 4 },
	};
	struct pages pages = { 0 };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		pages.lru += vmstat(lists[i]);
	for (int i = 0; i < PAGES_KINDS; i++) {
		pages.kinds[i].name = kinds[i].name;
		pages.kinds[i].pages = sum_of(kinds[i].path, kinds[i].word) / kinds[i].per_page;
		pages.kernel += pages.kinds[i].pages;
	}
	pages.slab = pages.kinds[0].pages + pages.kinds[1].pages;
	pages.stacks = pages.kinds[3].pages;
	/* "count:" is that of the lists of single processors. */
	pages.unaccounted = sum_of("/proc/zoneinfo", "managed") - vmstat("nr_free_pages") -
			    sum_of("/proc/zoneinfo", "count:") - pages.lru - pages.kernel;
	return pages;
}

struct pages pages_count(void)
{
	/* No messages about what follows. */
	write_file("/proc/sys/vm/drop_caches", "4");
	for (int i = 0; i < 2; i++) {
		/* What is given back by RCU or from a work queue has time to get there. */
		usleep(50000);
		write_file("/proc/sys/vm/drop_caches", "3");
	}
	return count_now();
}

int storm_pages(void)
{
	struct pages pages = pages_count();

	printf("unaccounted %ld kernel %ld slab %ld lru %ld\n", pages.unaccounted, pages.kernel,
	       pages.slab, pages.lru);
	return 0;
}
