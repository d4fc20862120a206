/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual console that people see, which graphics may hide. */
#ifndef SNAPCTL_SCREEN_H
#define SNAPCTL_SCREEN_H

/* What is to be undone. */
struct screen {
	int hidden;		/* descriptor of the virtual console with graphics; -1: there was none */
	int number, text;	/* of that one, and of the one that is seen instead; 0: graphics were ended on the same one */
};

/*
 * Opens the virtual console `shown`, which is the one in front, as a terminal whose text is seen: graphics there (an X server)
 * give way to a free virtual console, or are ended when their program does not let go. -1 when it cannot be opened.
 */
int screen_open(struct screen *screen, const char *shown);

/* What was seen before is seen again. The terminal must have been closed. */
void screen_close(struct screen *screen);

#endif
