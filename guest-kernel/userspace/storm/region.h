/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of which each page tells what it is: whose, which, and how often it has been written. Beside it lies a
 * model in shared memory, which says how often that must be.
 */
#ifndef STORM_REGION_H
#define STORM_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_PAGE	   4096u
/* Two large pages of x86-64. */
#define REGION_PAGES	   1024u
#define REGION_BYTES	   (REGION_PAGES * REGION_PAGE)
#define REGION_MODEL_PAGES 512u
#define REGION_MODELS	   (REGION_PAGES / REGION_MODEL_PAGES)

/* What the model says of a page beside its count. */
enum {
	/* Something is done to it that cannot be told from outside: it may be anything. */
	PAGE_BUSY = 1,
	/* Given up with MADV_FREE: what it was, or zeros. */
	PAGE_FREED = 2,
	/* Given up with MADV_DONTNEED: zeros. */
	PAGE_EMPTY = 4,
};

/* One page, too, so that an image holds all of it as it was at one moment. */
struct region_model {
	uint32_t magic;
	uint32_t run;
	uint32_t region;
	uint32_t first;
	/*
	 * How often the model has been changed. An image can hold several versions of it: page frames that wait for
	 * their next user on a list of a processor are not known to be free, and may have been copies of an earlier
	 * snapshot.
	 */
	uint32_t changes;
	uint32_t counts[REGION_MODEL_PAGES];
	uint8_t states[REGION_MODEL_PAGES];
	uint8_t rest[REGION_PAGE - 20 - REGION_MODEL_PAGES * 5];
};

struct region_memory {
	uint32_t number;
	uint8_t *bytes;
	struct region_model *models;
};

/* What tells this run's pages from those that another left in memory. */
void region_run(uint32_t run);
/* `models`: REGION_MODELS of them, in shared memory. Each page is written once. */
struct region_memory region_make(uint32_t number, struct region_model *models);
/* Only the owner may write to the region or its models. */
void region_set_state(struct region_memory *region, unsigned int page, uint8_t state);
void region_write(struct region_memory *region, unsigned int page);
/* Fails the run if the page is not what the model says. */
void region_check(const struct region_memory *region, unsigned int page);
/* The same with what the model said earlier, for a child that has what its parent had. */
void region_check_as(const struct region_memory *region, unsigned int page, uint32_t count,
		     uint8_t state);
/* Writes it as somebody else's, of whom there is no model. */
void region_take_over(struct region_memory *region, unsigned int page);

static inline uint8_t *region_page(const struct region_memory *region, unsigned int page)
{
	return region->bytes + page * REGION_PAGE;
}

static inline uint8_t region_state(const struct region_memory *region, unsigned int page)
{
	return region->models[page / REGION_MODEL_PAGES].states[page % REGION_MODEL_PAGES];
}

static inline uint32_t *region_count(const struct region_memory *region, unsigned int page)
{
	return &region->models[page / REGION_MODEL_PAGES].counts[page % REGION_MODEL_PAGES];
}

/* What images held. */
struct region_tally {
	/* Pages of regions. */
	unsigned long pages;
	/* Models of which the same image held a newer version. */
	unsigned long old_models;
};

/*
 * Reads an image to its end and fails the run if it holds a page of a region that is newer than what the newest model
 * in the same image says; and, with `all`, if it does not hold the page as the model says. What it held is added to
 * the tally.
 */
void region_check_image(int image, unsigned int regions, bool all, struct region_tally *tally);

#endif
