// SPDX-License-Identifier: GPL-2.0-only
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

static bool ports_open;

void rig_say(const char *format, ...)
{
	char what[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* In one write: what the kernel says meanwhile must not stand within the line. */
	dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, what);
}

bool rig_ports_open(void)
{
	ports_open = ioperm(RIG_MARKER_PORT_USER, RIG_MARKER_PORTS, 1) == 0 &&
		     ioperm(RIG_MARKER_PORT_PVPANIC, 1, 1) == 0;
	return ports_open;
}

void rig_send(uint32_t kind, uint32_t word0, uint32_t word1)
{
	if (ports_open)
		rig_marker(kind, word0, word1);
}

long rig_read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (used + 1 < size && (n = read(fd, buffer + used, size - 1 - used)) > 0)
		used += n;
	if (n < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	close(fd);
	if (used > 0 && buffer[used - 1] == '\n')
		used--;
	buffer[used] = '\0';
	return used;
}

int rig_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int error;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	error = errno;
	close(fd);
	errno = error;
	return n < 0 ? -1 : 0;
}

bool rig_option(const char *name, char *buffer, size_t size)
{
	static char line[4096];
	static bool known;
	size_t length = strlen(name);
	bool found = false;
	char *word = line;

	if (!known) {
		if (rig_read_file("/proc/cmdline", line, sizeof(line)) < 0)
			return false;
		known = true;
	}
	while (*word) {
		size_t end = strcspn(word, " \n");

		if (end >= length && !strncmp(word, name, length) &&
		    (end == length || word[length] == '=')) {
			size_t skip = end == length ? length : length + 1;

			snprintf(buffer, size, "%.*s", (int)(end - skip), word + skip);
			found = true;
		}
		word += end;
		word += strspn(word, " \n");
	}
	return found;
}

void rig_sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}
