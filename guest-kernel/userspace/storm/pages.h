/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STORM_PAGES_H
#define STORM_PAGES_H

#define PAGES_KINDS 6

/* Pages of memory in use, by what the kernel says that they are. */
struct pages {
	/* In no list and no account: somebody called alloc_page() for them. */
	long unaccounted;
	/* Slab, vmalloc, per-CPU memory, page tables, stacks: all of it, and each. */
	long kernel;
	struct {
		const char *name;
		long pages;
	} kinds[PAGES_KINDS];
	/* Of that, slab, and the stacks of threads. */
	long slab, stacks;
	/* Of user space, and cached files. */
	long lru;
};

/* Counts them, after caches have been dropped and lists of single processors emptied. */
struct pages pages_count(void);

#endif
