// SPDX-License-Identifier: GPL-2.0-only
/*
 * sector-race fill|check FILE SECTORS, or sector-race run FILE SECTORS ROUNDS: processes that write and read, past the
 * page cache, sectors of a file that are next to each other, so that they get into each other's way in every block.
 *
 * `fill` writes generation 0 to all sectors, `check` expects it there. `run` lets each of four processes write the sectors
 * whose number is its own modulo four, in generations of its own. It reads them along with those of the others: its own
 * must have the generation that it wrote last, and those of others one that does not go back. Half of the processes use
 * memory that is not aligned to a sector, if the disk can do with that. When all have ended, all of it is read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR_BYTES 512
#define WORDS (SECTOR_BYTES / sizeof(uint32_t))
#define PROCESSES 4
/* What is read at a time: up to 16 KiB. */
#define RUN_SECTORS 32
/* Memory that most disks can do with, and that no encryption can. */
#define SHIFT 4

struct sector {
	uint32_t words[WORDS];
};

static uint32_t word_of(uint32_t sector, uint32_t generation, size_t index)
{
	return index ? sector * 2654435761u ^ generation * 40503u ^ index : generation;
}

static void make(struct sector *to, uint32_t sector, uint32_t generation)
{
	for (size_t i = 0; i < WORDS; i++)
		to->words[i] = word_of(sector, generation, i);
}

/* The generation of a sector that is whole. */
static int generation_of(const struct sector *from, uint32_t sector, uint32_t *generation)
{
	*generation = from->words[0];
	for (size_t i = 0; i < WORDS; i++)
		if (from->words[i] != word_of(sector, *generation, i)) {
			printf("sector %u, word %zu of generation %u: %08x\n", sector, i, *generation, from->words[i]);
			return 1;
		}
	return 0;
}

static int transfer(int file, void *data, size_t bytes, uint32_t sector, int write)
{
	off_t offset = (off_t)sector * SECTOR_BYTES;
	ssize_t done = write ? pwrite(file, data, bytes, offset) : pread(file, data, bytes, offset);

	if (done == (ssize_t)bytes)
		return 0;
	printf("sector %u cannot be %s: %s\n", sector, write ? "written" : "read", done < 0 ? strerror(errno) : "cut short");
	return 1;
}

static uint32_t chance(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int look(int file, struct sector *data, uint32_t *seen, uint32_t from, uint32_t count, uint32_t self, int settled)
{
	uint32_t generation;

	if (transfer(file, data, count * SECTOR_BYTES, from, 0))
		return 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t sector = from + i;

		if (generation_of(&data[i], sector, &generation))
			return 1;
		if (settled || sector % PROCESSES == self ? generation != seen[sector] : generation < seen[sector]) {
			printf("process %u: sector %u has generation %u after %u\n", self, sector, generation, seen[sector]);
			return 1;
		}
		seen[sector] = generation;
	}
	return 0;
}

static int race(int file, uint32_t sectors, uint32_t rounds, uint32_t self, uint32_t *latest)
{
	char *memory = aligned_alloc(4096, (RUN_SECTORS + 1) * SECTOR_BYTES);
	struct sector *data = (struct sector *)(memory + (self % 2 ? SHIFT : 0));
	uint32_t *seen = calloc(sectors, sizeof(*seen)), state = 1234567 + self;

	/* Some disks want all memory aligned to sectors. */
	if (pread(file, data, SECTOR_BYTES, 0) < 0 && errno == EINVAL)
		data = (struct sector *)memory;
	for (uint32_t round = 1; round <= rounds; round++) {
		uint32_t sector = chance(&state) % (sectors / PROCESSES) * PROCESSES + self;
		uint32_t count = 1 + chance(&state) % RUN_SECTORS, from = chance(&state) % (sectors - count);

		make(data, sector, round);
		if (transfer(file, data, SECTOR_BYTES, sector, 1))
			return 1;
		seen[sector] = round;
		if (look(file, data, seen, from, count, self, 0))
			return 1;
	}
	for (uint32_t sector = self; sector < sectors; sector += PROCESSES)
		latest[sector] = seen[sector];
	return 0;
}

static int run(int file, uint32_t sectors, uint32_t rounds)
{
	uint32_t *latest = mmap(NULL, sectors * sizeof(*latest), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sector *data = aligned_alloc(4096, RUN_SECTORS * SECTOR_BYTES);
	int failed = 0, status;

	for (uint32_t self = 0; self < PROCESSES; self++)
		if (!fork()) {
			failed = race(file, sectors, rounds, self, latest);
			fflush(stdout);
			_exit(failed);
		}
	while (wait(&status) > 0)
		failed |= status != 0;
	for (uint32_t from = 0; !failed && from < sectors; from += RUN_SECTORS)
		failed = look(file, data, latest, from, RUN_SECTORS, 0, 1);
	return failed;
}

static int fill(int file, uint32_t sectors)
{
	struct sector *data = aligned_alloc(4096, RUN_SECTORS * SECTOR_BYTES);

	for (uint32_t from = 0; from < sectors; from += RUN_SECTORS) {
		for (uint32_t i = 0; i < RUN_SECTORS; i++)
			make(&data[i], from + i, 0);
		if (transfer(file, data, RUN_SECTORS * SECTOR_BYTES, from, 1))
			return 1;
	}
	return fsync(file) ? 1 : 0;
}

static int check(int file, uint32_t sectors)
{
	struct sector *data = aligned_alloc(4096, RUN_SECTORS * SECTOR_BYTES);
	uint32_t *seen = calloc(sectors, sizeof(*seen));

	for (uint32_t from = 0; from < sectors; from += RUN_SECTORS)
		if (look(file, data, seen, from, RUN_SECTORS, 0, 1))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int is_run = argc == 5 && !strcmp(argv[1], "run");
	int is_fill = argc == 4 && !strcmp(argv[1], "fill"), is_check = argc == 4 && !strcmp(argv[1], "check");
	uint32_t sectors = argc > 3 ? strtoul(argv[3], NULL, 10) / RUN_SECTORS * RUN_SECTORS : 0;
	int file;

	if ((!is_run && !is_fill && !is_check) || !sectors) {
		fprintf(stderr, "usage: sector-race fill|check FILE SECTORS\n       sector-race run FILE SECTORS ROUNDS\n");
		return 2;
	}
	file = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC | O_DIRECT, 0600);
	if (file < 0) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	return is_run ? run(file, sectors, strtoul(argv[4], NULL, 10)) : is_fill ? fill(file, sectors) : check(file, sectors);
}
