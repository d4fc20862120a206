// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "system.h"

/* What the program with the graphics gets to let go. */
#define SWITCH_MS_MAX 2000
#define POLL_MS 20

static int open_virtual(const char *name)
{
	char path[SYSTEM_PATH_MAX];

	system_path(path, "/dev/%s", name);
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

static int in_front(int file)
{
	struct vt_stat state;

	return ioctl(file, VT_GETSTATE, &state) ? 0 : state.v_active;
}

/* `file` is any virtual console. */
static bool bring_to_front(int file, int number)
{
	if (ioctl(file, VT_ACTIVATE, number))
		return false;
	/* VT_WAITACTIVE would wait for a program that hangs. */
	for (int ms = 0; in_front(file) != number; ms += POLL_MS) {
		if (ms >= SWITCH_MS_MAX)
			return false;
		usleep(POLL_MS * 1000);
	}
	return true;
}

/* The descriptor of a free virtual console that is now in front, or -1. */
static int show_free(struct screen *screen)
{
	char name[16];
	int file;

	if (ioctl(screen->hidden, VT_OPENQRY, &screen->text) || screen->text <= 0)
		return -1;
	snprintf(name, sizeof(name), "tty%d", screen->text);
	file = open_virtual(name);
	if (file < 0 || bring_to_front(screen->hidden, screen->text))
		return file;
	/* It may still let go, but is not asked for that any more. */
	ioctl(screen->hidden, VT_ACTIVATE, screen->number);
	close(file);
	return -1;
}

int screen_open(struct screen *screen, const char *shown)
{
	int file = open_virtual(shown), mode, free;

	screen->hidden = -1;
	screen->text = 0;
	if (file < 0 || ioctl(file, KDGETMODE, &mode) || mode != KD_GRAPHICS)
		return file;
	screen->hidden = file;
	screen->number = in_front(file);
	free = show_free(screen);
	if (free >= 0)
		return free;
	screen->text = 0;
	ioctl(file, KDSETMODE, KD_TEXT);
	return open_virtual(shown);
}

void screen_close(struct screen *screen)
{
	if (screen->hidden < 0)
		return;
	if (!screen->text) {
		ioctl(screen->hidden, KDSETMODE, KD_GRAPHICS);
	} else if (bring_to_front(screen->hidden, screen->number)) {
		ioctl(screen->hidden, VT_DISALLOCATE, screen->text);
	}
	close(screen->hidden);
	screen->hidden = -1;
}
