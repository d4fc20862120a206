// SPDX-License-Identifier: GPL-2.0-only
/* `press-keys KEYS`: the virtual console in front gets these keys as if somebody had pressed them. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	int console;

	if (argc != 2) {
		fputs("usage: press-keys KEYS\n", stderr);
		return 2;
	}
	/* Whichever is in front. */
	console = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console < 0) {
		perror("/dev/tty0");
		return 1;
	}
	for (const char *key = argv[1]; *key; key++) {
		if (ioctl(console, TIOCSTI, key)) {
			perror("TIOCSTI");
			return 1;
		}
	}
	return 0;
}
