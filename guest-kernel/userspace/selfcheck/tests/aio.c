// SPDX-License-Identifier: GPL-2.0-only
/* Kernel AIO: a poll under way, finished reads not yet collected, an eventfd told of them. */
#include "../check.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES 8192

static aio_context_t context;
static int polled[2], told;
static uint8_t *buffer;

static const char *missing(void)
{
	aio_context_t probe = 0;

	if (syscall(SYS_io_setup, 1, &probe))
		return errno == ENOSYS ? "no AIO in this kernel" : NULL;
	syscall(SYS_io_destroy, probe);
	return NULL;
}

static void submit(struct iocb *request)
{
	struct iocb *list[1] = { request };

	if (must(syscall(SYS_io_submit, context, 1, list)) != 1)
		check_die("io_submit took no request");
}

static void prepare(void)
{
	static struct iocb poll_request, read_request;
	int fd =
		must(open(check_path(check_disk_dir(), "file"), O_RDWR | O_CREAT | O_DIRECT, 0600));

	must_0(posix_memalign((void **)&buffer, 4096, BYTES));
	pattern_fill(buffer, BYTES, check_seed());
	if (must(pwrite(fd, buffer, BYTES, 0)) != BYTES)
		check_die("a short write");
	memset(buffer, 0, BYTES);
	must(pipe(polled));
	told = must(eventfd(0, EFD_NONBLOCK));
	must(syscall(SYS_io_setup, 8, &context));
	poll_request = (struct iocb){ .aio_lio_opcode = IOCB_CMD_POLL,
				      .aio_fildes = polled[0],
				      .aio_buf = POLLIN,
				      .aio_data = 1 };
	submit(&poll_request);
	read_request = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD,
				      .aio_fildes = fd,
				      .aio_buf = (uintptr_t)buffer,
				      .aio_nbytes = BYTES,
				      .aio_data = 2,
				      .aio_flags = IOCB_FLAG_RESFD,
				      .aio_resfd = told };
	submit(&read_request);
}

static bool collect(struct io_event *event)
{
	for (int waited = 0; waited < check_bound_ms(5000); waited += 5) {
		if (must(syscall(SYS_io_getevents, context, 0, 1, event, NULL)) == 1)
			return true;
		sleep_ms(5);
	}
	return false;
}

static void corrupt(void)
{
	struct io_event event;

	collect(&event);
}

static void expect(uint64_t tag, int64_t result, int64_t mask)
{
	struct io_event event;

	if (!collect(&event))
		check_fail("request %llu does not complete", (unsigned long long)tag);
	else
		check_that(event.data == tag && (event.res & mask) == result,
			   "request %llu completes with %lld, not %llu with %lld",
			   (unsigned long long)event.data, (long long)event.res,
			   (unsigned long long)tag, (long long)result);
}

static void verify(void)
{
	eventfd_t count = 0;
	struct io_event early;

	expect(2, BYTES, -1);
	pattern_check("the data read", buffer, BYTES, check_seed());
	check_that(eventfd_read(told, &count) == 0 && count == 1, "the eventfd was told %llu times",
		   (unsigned long long)count);
	check_that(must(syscall(SYS_io_getevents, context, 0, 1, &early, NULL)) == 0,
		   "a poll completed by itself");
	write_all(polled[1], "x", 1);
	/* It answers with all that is true of the pipe, more than was asked for. */
	expect(1, POLLIN, POLLIN);
}

CHECK(.name = "aio", .about = "AIO keeps requests under way and completions not collected",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
