// SPDX-License-Identifier: GPL-2.0-only
/* What a process is given and makes of it at once: arguments, environment, stack, break. */
#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_BYTES 200000
#define BREAK_BYTES 300000

static uint8_t *on_stack, *on_break;
static char arguments[8192], environment[16384];
static void *break_at;

static ssize_t contents(const char *path, char *buffer, size_t size)
{
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n = must(read(fd, buffer, size));

	close(fd);
	return n;
}

static ssize_t argument_bytes, environment_bytes;

static void prepare(void)
{
	must_0(setenv("SELFCHECK", "is in the environment", 1));
	on_break = must(sbrk(BREAK_BYTES));
	pattern_fill(on_break, BREAK_BYTES, check_seed());
	break_at = sbrk(0);
	argument_bytes = contents("/proc/self/cmdline", arguments, sizeof(arguments));
	environment_bytes = contents("/proc/self/environ", environment, sizeof(environment));
}

static void hold(void)
{
	uint8_t stack[STACK_BYTES];

	pattern_fill(stack, sizeof(stack), ~check_seed());
	on_stack = stack;
	check_wait();
	pattern_check("the stack", stack, sizeof(stack), ~check_seed());
}

static void corrupt(void)
{
	on_break[BREAK_BYTES - 1] ^= 1;
}

static void verify(void)
{
	char now[16384];
	ssize_t n = contents("/proc/self/cmdline", now, sizeof(now));

	check_that(n == argument_bytes && !memcmp(now, arguments, n), "the arguments differ");
	n = contents("/proc/self/environ", now, sizeof(now));
	check_that(n == environment_bytes && !memcmp(now, environment, n),
		   "the environment differs");
	check_that(getenv("SELFCHECK") && !strcmp(getenv("SELFCHECK"), "is in the environment"),
		   "a variable is lost");
	check_that(sbrk(0) == break_at, "the break moved from %p to %p", break_at, sbrk(0));
	pattern_check("memory at the break", on_break, BREAK_BYTES, check_seed());
}

CHECK(.name = "process-image", .about = "arguments, environment, stack and break stay",
      .prepare = prepare, .hold = hold, .corrupt = corrupt, .verify = verify)
