// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes: one that is full, with a writer asleep on it; and one through which a pattern flows
 * without end.
 */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 4096
/* What the sleeping writer adds to the full pipe. */
#define MORE 10000

static int full[2], flow[2];
static int pipe_bytes;
static volatile uint32_t *progress;

static void blocked_writer(void *unused)
{
	static uint8_t more[MORE];

	(void)unused;
	pattern_fill(more, MORE, ~check_seed());
	write_all(full[1], more, MORE);
	sleep_ms(100000);
}

static void prepare_full(void)
{
	uint8_t *contents;

	must(pipe(full));
	pipe_bytes = must(fcntl(full[1], F_GETPIPE_SZ));
	contents = malloc(pipe_bytes);
	pattern_fill(contents, pipe_bytes, check_seed());
	write_all(full[1], contents, pipe_bytes);
	free(contents);
	check_fork(blocked_writer, NULL);
}

static void corrupt_full(void)
{
	uint8_t lost;

	read_all(full[0], &lost, 1);
}

static void verify_full(void)
{
	uint8_t *contents = malloc(pipe_bytes + MORE);

	check_that(fcntl(full[1], F_GETPIPE_SZ) == pipe_bytes, "the pipe holds %d bytes, not %d",
		   fcntl(full[1], F_GETPIPE_SZ), pipe_bytes);
	close(full[1]);
	must(fcntl(full[0], F_SETFL, 0));
	/* A byte that is lost shows as a pattern that is shifted, not as a read that never ends. */
	read_all(full[0], contents, pipe_bytes + MORE - 1);
	pattern_check("the full pipe", contents, pipe_bytes, check_seed());
	pattern_check("what its writer added", contents + pipe_bytes, MORE - 1, ~check_seed());
	free(contents);
}

static void flow_writer(void *unused)
{
	uint8_t block[BLOCK];

	(void)unused;
	for (uint32_t number = 0;; number++) {
		pattern_fill(block, BLOCK, check_seed() + number);
		write_all(flow[1], block, BLOCK);
		if (number % 4 == 0)
			check_pause();
	}
}

static void flow_reader(void *unused)
{
	uint8_t block[BLOCK];

	(void)unused;
	for (uint32_t number = 0;; number++) {
		read_all(flow[0], block, BLOCK);
		pattern_check("the flow", block, BLOCK, check_seed() + number);
		++*progress;
	}
}

static void prepare_flow(void)
{
	must(pipe(flow));
	progress = check_shared(4096);
	check_fork(flow_writer, NULL);
	check_fork(flow_reader, NULL);
	if (!check_grows(progress, 16, 10000))
		check_die("nothing flows");
}

static void corrupt_flow(void)
{
	write_all(flow[1], "x", 1);
}

static void verify_flow(void)
{
	check_that(check_grows(progress, *progress + 16, 20000), "the flow has stopped");
}

CHECK(.name = "pipe-full", .about = "a full pipe keeps its bytes, and its writer waits on",
      .prepare = prepare_full, .corrupt = corrupt_full, .verify = verify_full)
CHECK(.name = "pipe-flow", .about = "a stream through a pipe loses no byte",
      .prepare = prepare_flow, .corrupt = corrupt_flow, .verify = verify_flow)
