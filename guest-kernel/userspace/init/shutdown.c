// SPDX-License-Identifier: GPL-2.0-only
#include "shutdown.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "detach.h"

/* Waits until this process has no child left (all orphans are its children), at most so long. */
static bool all_gone(int wait_ms)
{
	for (; wait_ms > 0; wait_ms -= 10) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return true;
		rig_sleep_ms(10);
	}
	return false;
}

/* Answers whether all have ended; names those that have not. */
static bool end_processes(void)
{
	kill(-1, SIGTERM);
	/* An interactive shell ends on this one only. */
	kill(-1, SIGHUP);
	kill(-1, SIGCONT);
	if (all_gone(2000))
		return true;
	kill(-1, SIGKILL);
	if (all_gone(5000))
		return true;
	stays_busy("processes that SIGKILL does not end");
	return false;
}

void shut_down(void)
{
	unsigned int busy = end_processes() ? 0 : 1;

	sync();
	busy += detach_all();
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL)) {
		stays_busy("/ (it cannot become read-only): %s", strerror(errno));
		busy++;
	}
	sync();
	rig_send(RIG_MARKER_SHUTDOWN, busy, 0);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
