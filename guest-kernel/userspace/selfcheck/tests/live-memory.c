// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory to which the live timeline of a snapshot does what memory management knows to do: when `corrupt`
 * runs there, the restored timeline must not see any of it.
 */
#include "../check.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../region.h"

#define BYTES (1 << 20)
#define CHILDREN 4

static struct region region;

static void prepare(void)
{
	region = region_new(BYTES);
}

static void verify(void)
{
	region_verify("memory", region);
}

static void write_and_exit(void *unused)
{
	(void)unused;
	region_spoil(region);
}

/* Children write and end, while their parent writes. */
static void fork_and_exit(void)
{
	pid_t children[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		children[i] = check_fork(write_and_exit, NULL);
	region_spoil(region);
	for (int i = 0; i < CHILDREN; i++)
		must(waitpid(children[i], NULL, 0));
}

/* Moves the memory away, writes there, cuts it and lets it grow again; what is left behind is empty. */
static void move(void)
{
	uint8_t *place = must(mmap(NULL, 2 * BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct region moved = { place, BYTES };

	must(mremap(region.memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, place));
	must(mmap(region.memory, BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	region_spoil(moved);
	must(mremap(place, BYTES, BYTES / 2, 0));
	must(mremap(place, BYTES / 2, BYTES, MREMAP_MAYMOVE));
	region_spoil(moved);
}

/* Half of it is dropped at once, half when memory is short, and all of it is written to. */
static void give_up(void)
{
	must(madvise(region.memory, BYTES / 2, MADV_DONTNEED));
	must(madvise(region.memory + BYTES / 2, BYTES / 2, MADV_FREE));
	for (size_t at = 0; at < BYTES; at += PAGE)
		region.memory[at] ^= 1;
}

static void prepare_locked(void)
{
	prepare();
	must(mlock(region.memory, BYTES));
}

static void unlock_and_lock(void)
{
	must(munlock(region.memory, BYTES));
	region_spoil(region);
	must(mlock(region.memory, BYTES));
	must(mprotect(region.memory, BYTES / 2, PROT_READ));
	must(mprotect(region.memory, BYTES / 2, PROT_READ | PROT_WRITE));
	region.memory[0] ^= 1;
}

CHECK(.name = "live-fork", .about = "memory outlives children that write to it and end",
      .prepare = prepare, .corrupt = fork_and_exit, .verify = verify)
CHECK(.name = "live-mremap", .about = "memory outlives being moved, cut and written to",
      .prepare = prepare, .corrupt = move, .verify = verify)
CHECK(.name = "live-madvise", .about = "memory outlives being given up by madvise",
      .prepare = prepare, .corrupt = give_up, .verify = verify)
CHECK(.name = "live-locked", .about = "locked memory outlives being unlocked and written to",
      .prepare = prepare_locked, .corrupt = unlock_and_lock, .verify = verify)
