/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The consoles of the system and the terminal of this program, as one: what is said appears on all of them, and whoever
 * presses a key first has decided. Of the virtual consoles, the text is seen also where graphics were in front.
 */
#ifndef SNAPCTL_CONSOLES_H
#define SNAPCTL_CONSOLES_H

#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#include "screen.h"

#define CONSOLES_MAX 8
#define READERS_MAX 16

struct console {
	int file;
	struct termios before;
	/* Processes that would read what is typed. They are stopped. */
	pid_t reader[READERS_MAX];
	size_t readers;
};

struct consoles {
	struct console console[CONSOLES_MAX];
	size_t count;
	struct screen screen;
};

/* Opens all that there are. What is typed is then for this program. */
void consoles_open(struct consoles *consoles);

/* All is as it was before. */
void consoles_close(struct consoles *consoles);

/* Writes the text to each. */
void consoles_say(const struct consoles *consoles, const char *text);

/* Waits up to `seconds`, negative: without an end. Answers the key, or 0 when the time is over. */
char consoles_key(const struct consoles *consoles, int seconds, size_t *at);

/* Reads a line at the console that `consoles_key` has told. */
void consoles_line(const struct consoles *consoles, size_t at, char *line, size_t size);

#endif
