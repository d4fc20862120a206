// SPDX-License-Identifier: GPL-2.0-only
#include "region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storm.h"

#define PAGE_MAGIC  0x53e1fa9eu
#define MODEL_MAGIC 0x53e1f0deu
/* Spread over the page. They are written one after the other, so that a page that is being written shows it. */
#define STAMPS	    8
/* Of pages that a child has made its own. */
#define NOBODYS	    UINT32_MAX

struct stamp {
	uint32_t magic;
	uint32_t run;
	uint32_t region;
	uint32_t page;
	uint32_t count;
	uint32_t sum;
};

static uint32_t this_run;

void region_run(uint32_t run)
{
	this_run = run;
}

static uint32_t sum_of(const struct stamp *stamp, unsigned int place)
{
	uint32_t sum = stamp->run * 31 + stamp->region;

	sum = sum * 2654435761u + stamp->page;
	sum = sum * 2654435761u + stamp->count;
	return sum * 2654435761u + place;
}

static volatile struct stamp *stamp_at(const uint8_t *page, unsigned int place)
{
	return (volatile struct stamp *)(page + place * (REGION_PAGE / STAMPS));
}

static bool is_stamp(const struct stamp *stamp, unsigned int place)
{
	return stamp->magic == PAGE_MAGIC && stamp->sum == sum_of(stamp, place);
}

static void stamp_page(uint8_t *page, uint32_t region, uint32_t number, uint32_t count)
{
	struct stamp stamp = { PAGE_MAGIC, this_run, region, number, count, 0 };

	for (unsigned int place = 0; place < STAMPS; place++) {
		stamp.sum = sum_of(&stamp, place);
		*stamp_at(page, place) = stamp;
	}
}

struct region_memory region_make(uint32_t number, struct region_model *models)
{
	uint8_t *memory = must(mmap(NULL, 2 * REGION_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	size_t align = REGION_BYTES / 2;
	uint8_t *begin = (uint8_t *)(((uintptr_t)memory + align - 1) & ~(uintptr_t)(align - 1));
	struct region_memory region = { number, begin, models };

	if (begin > memory)
		must(munmap(memory, begin - memory));
	must(munmap(begin + REGION_BYTES, memory + REGION_BYTES - begin));
	for (unsigned int i = 0; i < REGION_MODELS; i++) {
		models[i].run = this_run;
		models[i].region = number;
		models[i].first = i * REGION_MODEL_PAGES;
		models[i].magic = MODEL_MAGIC;
	}
	for (unsigned int page = 0; page < REGION_PAGES; page++)
		region_write(&region, page);
	return region;
}

void region_set_state(struct region_memory *region, unsigned int page, uint8_t state)
{
	volatile struct region_model *model = &region->models[page / REGION_MODEL_PAGES];

	model->states[page % REGION_MODEL_PAGES] = state;
	model->changes++;
}

void region_write(struct region_memory *region, unsigned int page)
{
	volatile uint32_t *count = region_count(region, page);

	region_set_state(region, page, PAGE_BUSY);
	stamp_page(region_page(region, page), region->number, page, *count + 1);
	(*count)++;
	region_set_state(region, page, 0);
}

void region_take_over(struct region_memory *region, unsigned int page)
{
	stamp_page(region_page(region, page), NOBODYS, page, 0);
}

static bool is_zero(const uint8_t *page)
{
	for (unsigned int i = 0; i < REGION_PAGE / 8; i++)
		if (((const volatile uint64_t *)page)[i])
			return false;
	return true;
}

void region_check(const struct region_memory *region, unsigned int page)
{
	region_check_as(region, page, *region_count(region, page), region_state(region, page));
}

void region_check_as(const struct region_memory *region, unsigned int page, uint32_t count,
		     uint8_t state)
{
	const uint8_t *bytes = region_page(region, page);

	if (state && is_zero(bytes))
		return;
	if (state == PAGE_EMPTY) {
		fail("page %u of region %u has been given up and is not zero", page,
		     region->number);
		return;
	}
	for (unsigned int place = 0; place < STAMPS; place++) {
		struct stamp stamp = *stamp_at(bytes, place);

		if (is_stamp(&stamp, place) && stamp.region == region->number &&
		    stamp.page == page && stamp.count == count)
			continue;
		fail("page %u of region %u, place %u: expected count %u, found %s %u of region %d, page %u",
		     page, region->number, place, count,
		     is_stamp(&stamp, place) ? "count" : "no stamp, count", stamp.count,
		     (int)stamp.region, stamp.page);
		return;
	}
}

/* What an image says of one page, of which it may hold several versions: children have old ones. */
struct found {
	/* Of all versions, and of those that are not torn. */
	uint32_t newest;
	uint32_t newest_whole;
};

struct reading {
	unsigned int regions;
	struct found *found;
	struct region_model *models;
	struct region_tally *tally;
};

static bool is_whole(const uint8_t *bytes, const struct stamp *first)
{
	for (unsigned int place = 1; place < STAMPS; place++) {
		struct stamp stamp = *stamp_at(bytes, place);

		if (!is_stamp(&stamp, place) || stamp.region != first->region ||
		    stamp.page != first->page || stamp.count != first->count)
			return false;
	}
	return true;
}

static void note_page(struct reading *reading, const uint8_t *bytes)
{
	struct stamp first = *stamp_at(bytes, 0);
	struct found *found;

	if (!is_stamp(&first, 0) || first.run != this_run || first.region >= reading->regions ||
	    first.page >= REGION_PAGES)
		return;
	reading->tally->pages++;
	found = &reading->found[first.region * REGION_PAGES + first.page];
	if (first.count > found->newest)
		found->newest = first.count;
	if (first.count > found->newest_whole && is_whole(bytes, &first))
		found->newest_whole = first.count;
}

static void note_model(struct reading *reading, const struct region_model *model)
{
	struct region_model *newest;

	if (model->magic != MODEL_MAGIC || model->run != this_run ||
	    model->region >= reading->regions || model->first >= REGION_PAGES)
		return;
	newest = &reading->models[model->region * REGION_MODELS + model->first / REGION_MODEL_PAGES];
	if (newest->magic == MODEL_MAGIC)
		reading->tally->old_models++;
	if (newest->magic != MODEL_MAGIC || newest->changes < model->changes)
		*newest = *model;
}

static void compare(const struct reading *reading, bool all)
{
	unsigned int wrong = 0;

	for (unsigned int at = 0; at < reading->regions * REGION_PAGES; at++) {
		const struct region_model *model = &reading->models[at / REGION_MODEL_PAGES];
		const struct found *found = &reading->found[at];
		uint32_t count = model->counts[at % REGION_MODEL_PAGES];
		uint8_t state = model->states[at % REGION_MODEL_PAGES];

		if (model->magic != MODEL_MAGIC) {
			fail("the image does not hold the model of region %u",
			     at / REGION_PAGES);
			return;
		}
		if (state & PAGE_BUSY)
			continue;
		if (found->newest <= count && (!all || state || found->newest_whole == count))
			continue;
		if (wrong++ < 4)
			fail("in the image, page %u of region %u has count %u, as a whole %u, the model says %u",
			     at % REGION_PAGES, at / REGION_PAGES, found->newest,
			     found->newest_whole, count);
	}
	if (wrong > 4)
		fail("in the image, %u pages are not what the model says", wrong);
}

void region_check_image(int image, unsigned int regions, bool all, struct region_tally *tally)
{
	/* Not on the boundary of a page, so that the next image does not show this one's. */
	static uint8_t pages[65 * REGION_PAGE] __attribute__((aligned(4096)));
	uint8_t *buffer = pages + 64;
	const size_t size = 64 * REGION_PAGE;
	struct reading reading = { .regions = regions, .tally = tally };
	ssize_t got, before = size;

	reading.found = calloc(regions * REGION_PAGES, sizeof(*reading.found));
	reading.models = calloc(regions * REGION_MODELS, sizeof(*reading.models));
	if (!reading.found || !reading.models)
		die("no memory to check an image with");
	while ((got = read(image, buffer, size)) > 0) {
		/* Only the end of the image, or a signal, makes a read short. */
		if (before < (ssize_t)size)
			fail("a read of the image returned %zd of %zu bytes, and more followed", before,
			     size);
		before = got;
		for (ssize_t at = 0; at + (ssize_t)REGION_PAGE <= got; at += REGION_PAGE) {
			note_page(&reading, buffer + at);
			note_model(&reading, (const void *)(buffer + at));
		}
	}
	if (got < 0)
		fail("reading the image: %s", strerror(errno));
	compare(&reading, all);
	free(reading.found);
	free(reading.models);
}
