// SPDX-License-Identifier: GPL-2.0-only
/* What happened, kept in memory that all processes share. */
#include "storm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOTES 256
#define NOTE_BYTES 120

static struct {
	volatile unsigned int failures;
	volatile unsigned int next;
	char notes[NOTES][NOTE_BYTES];
} * report;

static char name[32] = "storm";
static __thread uint64_t state = 1;

void report_open(void)
{
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED) {
		perror("storm: mmap");
		exit(2);
	}
}

void report_name(const char *given)
{
	snprintf(name, sizeof(name), "%s", given);
}

static void add(const char *what, const char *format, va_list arguments)
{
	unsigned int at = __atomic_fetch_add(&report->next, 1, __ATOMIC_RELAXED) % NOTES;
	struct timespec now;
	int length;

	clock_gettime(CLOCK_MONOTONIC, &now);
	length = snprintf(report->notes[at], NOTE_BYTES, "%4lld.%06ld %s %d: %s",
			  (long long)now.tv_sec, now.tv_nsec / 1000, name, getpid(), what);
	if (length < NOTE_BYTES)
		vsnprintf(report->notes[at] + length, NOTE_BYTES - length, format, arguments);
}

void note(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	add("", format, arguments);
	va_end(arguments);
	errno = error;
}

static void complain(const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	add("FAILED: ", format, again);
	va_end(again);
	__atomic_fetch_add(&report->failures, 1, __ATOMIC_RELAXED);
	fprintf(stderr, "storm: %s: ", name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
}

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	_exit(1);
}

bool has_failed(void)
{
	return report->failures;
}

void report_print(void)
{
	unsigned int end = report->next, begin = end > NOTES ? end - NOTES : 0;

	for (unsigned int at = begin; at < end; at++)
		fprintf(stderr, "%s\n", report->notes[at % NOTES]);
}

void chance_seed(uint64_t seed)
{
	/* Neighbouring seeds must not begin alike. */
	state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	for (int i = 0; i < 4; i++)
		chance(1);
}

uint32_t chance(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * 0x2545f4914f6cdd1dULL) >> 32) * below >> 32;
}

void pause_up_to(uint32_t us_max)
{
	uint32_t us = us_max ? chance(us_max) : 0;

	if (us && !chance_in(4))
		nanosleep(&(struct timespec){ .tv_sec = us / 1000000,
					      .tv_nsec = us % 1000000 * 1000 },
			  NULL);
}
