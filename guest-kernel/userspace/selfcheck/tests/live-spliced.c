// SPDX-License-Identifier: GPL-2.0-only
/* Memory that lies in a pipe without a copy (vmsplice): what is written to it shows in the pipe. */
#include "../check.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../region.h"

/* What a pipe takes. */
#define BYTES (16 * PAGE)

static struct region region;
static int ends[2];

static void prepare(void)
{
	struct iovec from;

	region = region_new(BYTES);
	from = (struct iovec){ region.memory, BYTES };
	must(pipe2(ends, O_CLOEXEC));
	if (must(vmsplice(ends[1], &from, 1, SPLICE_F_NONBLOCK)) != BYTES)
		check_die("the pipe did not take all");
}

static void corrupt(void)
{
	region_spoil(region);
}

static void verify(void)
{
	static uint8_t seen[BYTES];

	region_verify("memory that lies in a pipe", region);
	read_all(ends[0], seen, BYTES);
	pattern_check("what lies in the pipe", seen, BYTES, check_seed());
}

CHECK(.name = "live-spliced", .about = "memory in a pipe outlives being written to",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
