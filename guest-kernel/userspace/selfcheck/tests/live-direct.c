// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O under way all the time: disk to memory and memory to disk, several requests at once. */
#include "../check.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../region.h"

#define REQUESTS 4
#define BYTES (REQUESTS * 16 * PAGE)

static struct region written, read_in;
static aio_context_t context;
static int file;

/* All pieces of the region from or to the file, at once. */
static void transfer(uint16_t opcode, struct region region)
{
	struct iocb requests[REQUESTS] = { 0 };
	struct iocb *list[REQUESTS];
	struct io_event events[REQUESTS];

	for (int i = 0; i < REQUESTS; i++) {
		requests[i].aio_lio_opcode = opcode;
		requests[i].aio_fildes = file;
		requests[i].aio_buf = (uintptr_t)(region.memory + i * (BYTES / REQUESTS));
		requests[i].aio_nbytes = BYTES / REQUESTS;
		requests[i].aio_offset = i * (BYTES / REQUESTS);
		list[i] = &requests[i];
	}
	if (must(syscall(SYS_io_submit, context, REQUESTS, list)) != REQUESTS)
		check_die("not all requests were taken");
	for (int done = 0; done < REQUESTS;) {
		int n = syscall(SYS_io_getevents, context, 1, REQUESTS - done, events, NULL);

		if (n < 0 && errno != EINTR)
			check_die("io_getevents: %s", strerror(errno));
		for (int i = 0; i < n; i++)
			if (events[i].res != BYTES / REQUESTS)
				check_die("a request gave %lld", (long long)events[i].res);
		done += n > 0 ? n : 0;
	}
}

static void prepare(void)
{
	const char *path = check_path(check_disk_dir(), "file");

	written = region_new(BYTES);
	read_in = region_new(BYTES);
	file = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (file < 0)
		check_skip("%s does not take direct I/O: %s", path, strerror(errno));
	must(syscall(SYS_io_setup, REQUESTS, &context));
	transfer(IOCB_CMD_PWRITE, written);
}

static void hold(void)
{
	while (!check_told()) {
		memset(read_in.memory, 0, BYTES);
		transfer(IOCB_CMD_PREAD, read_in);
		region_verify("what was read directly", read_in);
		transfer(IOCB_CMD_PWRITE, written);
		check_pause();
	}
}

static void corrupt(void)
{
	region_spoil(written);
	transfer(IOCB_CMD_PWRITE, written);
	pattern_fill(written.memory, BYTES, check_seed());
}

static void verify(void)
{
	region_verify("what was written directly", written);
	transfer(IOCB_CMD_PREAD, read_in);
	region_verify("what was read directly", read_in);
}

CHECK(.name = "live-direct", .about = "direct I/O under way ends with the right data", .prepare = prepare,
      .hold = hold, .corrupt = corrupt, .verify = verify)
