// SPDX-License-Identifier: GPL-2.0-only
#include "consoles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

#define CONSOLE makedev(5, 1)

/* Would this process get what is typed there? A shell on the console of a small system has no controlling terminal. */
static bool reads_from(pid_t process, dev_t device)
{
	int group, session, foreground;
	unsigned int terminal;
	char path[64], line[512], *rest;
	struct stat input;

	snprintf(path, sizeof(path), "/proc/%d/stat", process);
	if (!system_line(path, line, sizeof(line)))
		return false;
	/* The name, which may hold anything, is in brackets. */
	rest = strrchr(line, ')');
	if (!rest || sscanf(rest + 1, " %*c %*d %d %d %u %d", &group, &session, &terminal, &foreground) != 4)
		return false;
	if (process == 1 || process == getpid() || group == getpgrp())
		return false;
	if (terminal)
		return terminal == system_device(device) && group == foreground;
	snprintf(path, sizeof(path), "/proc/%d/fd/0", process);
	return !stat(path, &input) && S_ISCHR(input.st_mode) && (input.st_rdev == device || input.st_rdev == CONSOLE);
}

/* A getty or a shell would get every other key. */
static void stop_readers(struct console *console, dev_t device)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;

	while (all && (entry = readdir(all)) && console->readers < READERS_MAX) {
		pid_t process = atoi(entry->d_name);

		if (process > 0 && reads_from(process, device) && !kill(process, SIGSTOP))
			console->reader[console->readers++] = process;
	}
	if (all)
		closedir(all);
}

/* Takes a terminal, unless it is one that is there already. The descriptor is ours then. */
static void add(struct consoles *consoles, int file)
{
	struct console *console = &consoles->console[consoles->count];
	struct stat status, other;
	struct termios keys;

	if (file < 0)
		return;
	if (consoles->count == CONSOLES_MAX || fstat(file, &status) || tcgetattr(file, &console->before))
		goto no;
	for (size_t i = 0; i < consoles->count; i++)
		if (!fstat(consoles->console[i].file, &other) && other.st_rdev == status.st_rdev)
			goto no;
	console->file = file;
	console->readers = 0;
	stop_readers(console, status.st_rdev);
	keys = console->before;
	keys.c_lflag &= ~(ICANON | ECHO);
	keys.c_lflag |= ISIG;
	keys.c_oflag |= OPOST | ONLCR;
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	tcsetattr(file, TCSANOW, &keys);
	tcflush(file, TCIFLUSH);
	consoles->count++;
	return;
no:
	close(file);
}

/* Of the virtual consoles, the one that is seen. */
static int open_terminal(struct screen *screen, const char *name)
{
	char path[SYSTEM_PATH_MAX], shown[32];

	snprintf(path, sizeof(path), "/sys/class/tty/%.32s/active", name);
	if (system_line(path, shown, sizeof(shown)))
		return screen_open(screen, shown);
	system_path(path, "/dev/%s", name);
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void consoles_open(struct consoles *consoles)
{
	char line[256], *rest = line, *name;

	consoles->count = 0;
	consoles->screen.hidden = -1;
	/* A terminal that is not in the foreground would stop this program. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	add(consoles, open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC));
	if (!system_line("/sys/class/tty/console/active", line, sizeof(line)))
		return;
	while ((name = strsep(&rest, " ")))
		add(consoles, open_terminal(&consoles->screen, name));
}

void consoles_close(struct consoles *consoles)
{
	for (size_t i = 0; i < consoles->count; i++) {
		struct console *console = &consoles->console[i];

		tcsetattr(console->file, TCSANOW, &console->before);
		close(console->file);
		for (size_t at = 0; at < console->readers; at++)
			kill(console->reader[at], SIGCONT);
	}
	consoles->count = 0;
	screen_close(&consoles->screen);
}

/* A terminal that does not take it is left alone: the others are there for that. */
static void say(int file, const char *text, size_t length)
{
	struct pollfd ready = { .fd = file, .events = POLLOUT };

	while (length && poll(&ready, 1, 1000) == 1) {
		ssize_t n = write(file, text, length);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			text += n;
			length -= n;
		}
	}
}

void consoles_say(const struct consoles *consoles, const char *text)
{
	for (size_t i = 0; i < consoles->count; i++)
		say(consoles->console[i].file, text, strlen(text));
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

char consoles_key(const struct consoles *consoles, int seconds, size_t *at)
{
	long long end = now_ms() + seconds * 1000LL;
	struct pollfd ready[CONSOLES_MAX];

	for (size_t i = 0; i < consoles->count; i++)
		ready[i] = (struct pollfd){ .fd = consoles->console[i].file, .events = POLLIN };
	for (;;) {
		long long left = end - now_ms();
		char key;

		if (seconds >= 0 && left <= 0)
			return 0;
		if (poll(ready, consoles->count, seconds < 0 ? -1 : left > INT_MAX ? INT_MAX : left) <= 0)
			continue;
		for (size_t i = 0; i < consoles->count; i++) {
			if (!ready[i].revents)
				continue;
			if (read(ready[i].fd, &key, 1) == 1) {
				*at = i;
				return key;
			}
			/* It has gone. */
			if (errno != EAGAIN)
				ready[i].fd = -1;
		}
	}
}

void consoles_line(const struct consoles *consoles, size_t at, char *line, size_t size)
{
	int file = consoles->console[at].file;
	struct pollfd ready = { .fd = file, .events = POLLIN };
	size_t length = 0;
	char key = 0;

	while (key != '\n') {
		if (poll(&ready, 1, -1) < 0)
			continue;
		if (read(file, &key, 1) != 1) {
			if (errno == EAGAIN)
				continue;
			break;
		}
		if (key == '\r')
			key = '\n';
		if ((key == '\b' || key == 127) && length) {
			length--;
			say(file, "\b \b", 3);
		} else if ((unsigned char)key >= ' ' && key != 127 && length + 1 < size) {
			line[length++] = key;
			say(file, &key, 1);
		}
	}
	say(file, "\n", 1);
	line[length] = 0;
}
