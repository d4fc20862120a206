// SPDX-License-Identifier: GPL-2.0-only
#include "complain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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

/* A record is "PRIORITY,NUMBER,TIME,FLAGS;TEXT", then lines that begin with a space. */
void kernel_messages_end(int begun, char messages[KERNEL_MESSAGES_MAX])
{
	char record[1024];
	size_t used = 0;
	ssize_t length;

	messages[0] = 0;
	if (begun < 0)
		return;
	while ((length = read(begun, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		char *text;

		if (length < 0)
			continue;
		record[length] = 0;
		text = strchr(record, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = 0;
		/* The lowest bits are the level; 3 is an error. */
		if ((atoi(record) & 7) <= 3 && used < KERNEL_MESSAGES_MAX)
			used += snprintf(messages + used, KERNEL_MESSAGES_MAX - used,
					 "snapctl: the kernel says: %s\n", text);
	}
	close(begun);
}
