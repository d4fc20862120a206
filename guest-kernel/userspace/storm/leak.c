// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes one snapshot after the other in the live timeline and counts pages.
 *
 * Every snapshot leaves substitutes behind, one for each device that carries a filesystem or swap,
 * and they take some pages each. So the growth of a snapshot is SNAPSHOT + DEVICES * SUBSTITUTE
 * pages; with one device more and one less it tells what SNAPSHOT is, which has to be 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include "pages.h"
#include "storm.h"

/* The first ones fill what is kept for good. */
#define WARM_UP 6

static void take(unsigned int round)
{
	struct snapshot_info info;
	int image, result = snapshot(0, &image);

	if (result)
		die("snapshot %u: %s", round,
		    result < 0 ? strerror(errno) : "this is not the live timeline");
	if (!snapshot_info(image, &info))
		die("asking about the image: %s", strerror(errno));
	/* Closed unread, after a part, and after all. */
	if (round % 3 == 1)
		image_read(image, info.image_bytes / 3 + 1000, 0);
	if (round % 3 == 2 && image_read(image, UINT64_MAX, 65536) != info.image_bytes)
		fail("the image is not as long as promised");
	close(image);
}

/* Pages that each of `rounds` snapshots has kept. */
struct growth {
	double unaccounted, slab, stacks;
};

static struct growth grow(unsigned int rounds, unsigned int *round)
{
	struct pages before = { 0 }, now;
	double counted = rounds - WARM_UP;

	for (unsigned int i = 0; i < rounds; i++) {
		take((*round)++);
		if (i + 1 == WARM_UP)
			before = pages_count();
	}
	now = pages_count();
	printf("%u snapshots:", rounds - WARM_UP);
	for (int i = 0; i < PAGES_KINDS; i++)
		printf(" %s %+ld", now.kinds[i].name, now.kinds[i].pages - before.kinds[i].pages);
	putchar('\n');
	return (struct growth){
		.unaccounted = (now.unaccounted - before.unaccounted) / counted,
		.slab = (now.slab - before.slab) / counted,
		.stacks = (now.stacks - before.stacks) / counted,
	};
}

/*
 * A second device, as large as the first and like it mapped to another, of which there is nothing
 * to write either: its substitutes take as much as those of the first.
 */
static void mount_another(void)
{
	static const char *const attach[] = { "losetup", "/dev/loop0", "/run/storm-disk", NULL };
	static const char *const make[] = { "mkfs.vfat", "/run/storm-disk", NULL };
	char table[64];
	const char *const map[] = { "dmsetup", "create", "storm-leak", "--table", table, NULL };
	/* There is no udev that would do it. */
	static const char *const nodes[] = { "dmsetup", "mknodes", NULL };
	int file = must(open("/run/storm-disk", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	int root = must(open("/dev/mapper/root", O_RDONLY | O_CLOEXEC));
	off_t size = must(lseek(root, 0, SEEK_END));

	must(ftruncate(file, size));
	close(root);
	close(file);
	snprintf(table, sizeof(table), "0 %lld linear /dev/loop0 0", (long long)size / 512);
	if (run_quietly(make) || run_quietly(attach) || run_quietly(map) || run_quietly(nodes))
		die("making another device failed");
	must(mount("/dev/mapper/storm-leak", "/mnt", "vfat", MS_RDONLY, NULL));
}

int storm_leaks(unsigned int rounds)
{
	struct growth one, two, snapshot;
	unsigned int round = 0;

	/* What filesystems write goes to a store in memory, which would be counted as well. */
	must(swapoff("/dev/sdb2"));
	must(mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	one = grow(rounds / 2, &round);
	mount_another();
	two = grow(rounds - rounds / 2, &round);
	snapshot.unaccounted = 2 * one.unaccounted - two.unaccounted;
	snapshot.slab = 2 * one.slab - two.slab;
	snapshot.stacks = 2 * one.stacks - two.stacks;
	printf("a snapshot keeps %.2f pages, %.2f of slab and %.2f of stacks; a substitute %.2f, %.2f and %.2f\n",
	       snapshot.unaccounted, snapshot.slab, snapshot.stacks,
	       two.unaccounted - one.unaccounted, two.slab - one.slab, two.stacks - one.stacks);
	/*
	 * Threads that serve work queues come with the load and stay for minutes. What they are
	 * described by takes about as many pages of slab as their stacks have, and both are more
	 * in the first half, in which there were none yet.
	 */
	if (snapshot.unaccounted >= 0.5 || snapshot.slab - snapshot.stacks >= 1 ||
	    snapshot.stacks >= 4)
		fail("each snapshot loses memory");
	return has_failed();
}
