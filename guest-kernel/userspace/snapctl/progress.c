// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 40
/* Of the kernel's log, whose lines stay. */
#define LOG_STEP_PERCENT 10

static unsigned int percent(const struct progress *progress, uint64_t done)
{
	if (!progress->total)
		return 0;
	return done >= progress->total ? 100 : done * 100 / progress->total;
}

static unsigned long long mib(uint64_t bytes)
{
	return bytes >> 20;
}

static void draw(const struct progress *progress, unsigned int now)
{
	char bar[BAR_WIDTH + 1];

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', BAR_WIDTH * now / 100);
	bar[BAR_WIDTH] = 0;
	fprintf(stderr, "\rsnapctl: %s [%s] %u %%", progress->what, bar, now);
}

/* The level is that of information. dprintf() would ask for the position, which this device does not tell to who only writes. */
static void log_it(const struct progress *progress, unsigned int now)
{
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), length;
	ssize_t written;
	char line[96];

	if (log < 0)
		return;
	length = snprintf(line, sizeof(line), "<6>snapctl: %s: %u %%\n", progress->what, now);
	written = write(log, line, length);
	/* It is not worth more than an attempt. */
	(void)written;
	close(log);
}

static void show(struct progress *progress, unsigned int now)
{
	progress->shown = now;
	if (isatty(STDERR_FILENO))
		draw(progress, now);
	else
		log_it(progress, now);
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	progress->what = what;
	progress->total = total;
	show(progress, 0);
}

void progress_show(struct progress *progress, uint64_t done)
{
	unsigned int now = percent(progress, done);
	unsigned int step = isatty(STDERR_FILENO) ? 1 : LOG_STEP_PERCENT;

	if (now / step != progress->shown / step)
		show(progress, now - now % step);
}

void progress_tell(const struct progress *progress, uint64_t done)
{
	fprintf(stderr, "%ssnapctl: %s: %llu of %llu MiB, %u %%\n", isatty(STDERR_FILENO) ? "\n" : "", progress->what,
		mib(done), mib(progress->total), percent(progress, done));
}

void progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
}
