// SPDX-License-Identifier: GPL-2.0-only
#include "complain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int complain(const char *name, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "snapctl: %s: ", name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return -1;
}

const char *remedy_for_writing(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "; make room there or save elsewhere";
	case EFBIG:
		return "; save to a filesystem and with limits that allow larger files";
	case EPIPE:
		return ": what reads it has ended";
	case EROFS:
		return "; mount it for writing";
	case EIO:
		return "; the device fails, or its store of changes is full: save elsewhere";
	default:
		return "";
	}
}

int kernel_messages_begin(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	return log;
}

/* So many of the functions in which a task waits are shown. */
#define FRAMES_SHOWN 6

/* What has been shown of the tasks that could not be frozen. */
struct refusals {
	bool follow;
	int frames_left;
};

/* Is a message one of those that name such a task, and where it waits? They come after the error, at a lower level. */
static bool names_task(const char *text, struct refusals *refusals)
{
	if (strstr(text, " refusing to freeze"))
		refusals->follow = true;
	if (!refusals->follow)
		return false;
	if (!strncmp(text, "task:", 5)) {
		refusals->frames_left = FRAMES_SHOWN;
		return true;
	}
	return *text == ' ' && strstr(text, "+0x") && refusals->frames_left-- > 0;
}

/* A record is "PRIORITY,NUMBER,TIME,FLAGS;TEXT", then lines that begin with a space. */
void kernel_messages_end(int begun, char messages[KERNEL_MESSAGES_MAX])
{
	struct refusals refusals = { 0 };
	char record[1024];
	size_t used = 0;
	ssize_t length;

	messages[0] = 0;
	if (begun < 0)
		return;
	while ((length = read(begun, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		bool shown;
		char *text;

		if (length < 0)
			continue;
		record[length] = 0;
		text = strchr(record, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = 0;
		/* The lowest bits are the level; 3 is an error. */
		shown = names_task(text, &refusals) || (atoi(record) & 7) <= 3;
		if (shown && used < KERNEL_MESSAGES_MAX)
			used += snprintf(messages + used, KERNEL_MESSAGES_MAX - used,
					 "snapctl: the kernel says: %s\n", text);
	}
	close(begun);
}
