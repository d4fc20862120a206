// SPDX-License-Identifier: GPL-2.0-only
/* The memory of a stopped child, written to by its tracer in each of the ways that there are. */
#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../region.h"

#define BYTES (256 << 10)

static struct region region;
static pid_t child;

static void be_traced(void *unused)
{
	(void)unused;
	must(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	raise(SIGSTOP);
	_exit(0);
}

static void prepare(void)
{
	int status;

	region = region_new(BYTES);
	child = check_fork(be_traced, NULL);
	must(waitpid(child, &status, 0));
	if (!WIFSTOPPED(status))
		check_die("the child did not stop");
}

static void corrupt(void)
{
	static const char text[] = "written by the tracer";
	struct iovec from = { (void *)text, sizeof(text) };
	struct iovec to = { region.memory + 2 * PAGE, sizeof(text) };
	char path[32];
	int memory;

	must(ptrace(PTRACE_POKEDATA, child, region.memory, (void *)0x12345678));
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	memory = must(open(path, O_RDWR | O_CLOEXEC));
	must(pwrite(memory, text, sizeof(text), (uintptr_t)region.memory + PAGE));
	close(memory);
	must(process_vm_writev(child, &from, 1, &to, 1, 0));
}

static void verify(void)
{
	static uint8_t seen[BYTES];
	struct iovec to = { seen, BYTES };
	struct iovec from = { region.memory, BYTES };

	region_verify("the tracer's memory", region);
	if (must(process_vm_readv(child, &to, 1, &from, 1, 0)) != BYTES)
		check_die("the child's memory cannot be read");
	pattern_check("the child's memory", seen, BYTES, check_seed());
}

CHECK(.name = "live-traced", .about = "a child's memory outlives its tracer's writes",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
