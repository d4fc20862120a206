// SPDX-License-Identifier: GPL-2.0-only
/*
 * `graphics NUMBER [hung]`: has a virtual console in front, in graphics mode, as an X server does: it lets another one come
 * to the front when it is asked, and takes part again when it comes back. With `hung`, it does not answer. Prints a line when
 * it is in front, and runs until it is killed.
 */
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int screen;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void let_go(int number)
{
	(void)number;
	ioctl(screen, VT_RELDISP, 1);
}

static void come_back(int number)
{
	(void)number;
	ioctl(screen, VT_RELDISP, VT_ACKACQ);
}

int main(int argc, char *argv[])
{
	bool hung = argc == 3 && !strcmp(argv[2], "hung");
	struct vt_mode mode = { .mode = VT_PROCESS, .relsig = SIGUSR1, .acqsig = SIGUSR2 };
	int number = argc > 1 ? atoi(argv[1]) : 0;
	char path[32];

	if (number < 1 || number > MAX_NR_CONSOLES || (argc == 3 && !hung) || argc > 3) {
		fputs("usage: graphics NUMBER [hung]\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "/dev/tty%d", number);
	screen = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (screen < 0)
		fail(path);
	signal(SIGUSR1, hung ? SIG_IGN : let_go);
	signal(SIGUSR2, hung ? SIG_IGN : come_back);
	if (ioctl(screen, VT_ACTIVATE, number) || ioctl(screen, VT_WAITACTIVE, number))
		fail("VT_ACTIVATE");
	if (ioctl(screen, VT_SETMODE, &mode))
		fail("VT_SETMODE");
	if (ioctl(screen, KDSETMODE, KD_GRAPHICS))
		fail("KDSETMODE");
	puts("in front");
	fflush(stdout);
	for (;;)
		pause();
}
