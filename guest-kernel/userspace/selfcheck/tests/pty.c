// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pseudo-terminal: data in both directions, half a line, settings, size, and a session that it
 * controls.
 */
#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static struct termios settings;
static volatile uint32_t *hung_up;
static volatile pid_t *leader;

static void lead(void *unused)
{
	sigset_t hup;
	int number;

	(void)unused;
	sigemptyset(&hup);
	sigaddset(&hup, SIGWINCH);
	must(sigprocmask(SIG_BLOCK, &hup, NULL));
	must(setsid());
	must(ioctl(slave, TIOCSCTTY, 0));
	*leader = getpid();
	sigwait(&hup, &number);
	*hung_up = number;
	sleep_ms(100000);
}

static void prepare(void)
{
	struct winsize size = { .ws_row = 43, .ws_col = 132 };

	hung_up = check_shared(4096);
	leader = check_shared(4096);
	master = must(posix_openpt(O_RDWR | O_NOCTTY));
	must(grantpt(master));
	must(unlockpt(master));
	slave = must(open(ptsname(master), O_RDWR | O_NOCTTY));
	must(tcgetattr(slave, &settings));
	settings.c_lflag &= ~ECHO;
	settings.c_cc[VEOF] = 7;
	settings.c_iflag |= IXOFF;
	must(tcsetattr(slave, TCSANOW, &settings));
	must(tcgetattr(slave, &settings));
	must(ioctl(master, TIOCSWINSZ, &size));
	write_all(master, "a whole line\nhalf a l", 21);
	write_all(slave, "answer\n", 7);
	check_fork(lead, NULL);
	for (int waited = 0; !*leader && waited < check_bound_ms(5000); waited += 5)
		sleep_ms(5);
	if (!*leader)
		check_die("no session on the terminal");
}

static void corrupt(void)
{
	must(tcflush(slave, TCIFLUSH));
	write_all(master, "another line\nhalf a l", 21);
}

static void verify(void)
{
	struct winsize size;
	struct termios now;
	char text[100];
	ssize_t n;

	must(tcgetattr(slave, &now));
	check_that(!memcmp(now.c_cc, settings.c_cc, sizeof(now.c_cc)) &&
			   now.c_lflag == settings.c_lflag && now.c_iflag == settings.c_iflag &&
			   now.c_oflag == settings.c_oflag && now.c_cflag == settings.c_cflag,
		   "the terminal's settings differ");
	must(ioctl(slave, TIOCGWINSZ, &size));
	check_that(size.ws_row == 43 && size.ws_col == 132, "the size is %d by %d", size.ws_row,
		   size.ws_col);
	n = must(read(slave, text, sizeof(text)));
	check_that(n == 13 && !memcmp(text, "a whole line\n", 13), "the line differs: '%.*s'",
		   (int)n, text);
	write_all(master, "ine\n", 4);
	n = must(read(slave, text, sizeof(text)));
	check_that(n == 12 && !memcmp(text, "half a line\n", 12), "the half line differs: '%.*s'",
		   (int)n, text);
	n = must(read(master, text, sizeof(text)));
	check_that(n == 8 && !memcmp(text, "answer\r\n", 8), "the answer differs: '%.*s'", (int)n,
		   text);
	check_that(must(tcgetsid(master)) == *leader, "the terminal belongs to another session");
	size.ws_row = 25;
	must(ioctl(master, TIOCSWINSZ, &size));
	check_that(check_grows(hung_up, 0, 5000) && *hung_up == SIGWINCH,
		   "the session does not hear of a new size");
}

CHECK(.name = "pty", .about = "a pseudo-terminal keeps data, settings, size and session",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
