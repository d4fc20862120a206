// SPDX-License-Identifier: GPL-2.0-only
#include "shutdown.h"

#include <errno.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/rig.h"

#define MOUNTS_MAX 256

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

static void end_processes(void)
{
	kill(-1, SIGTERM);
	/* An interactive shell ends on this one only. */
	kill(-1, SIGHUP);
	kill(-1, SIGCONT);
	if (all_gone(2000))
		return;
	kill(-1, SIGKILL);
	if (!all_gone(5000))
		rig_say("some processes do not end; going on without them");
}

static void swap_off(void)
{
	char line[512], device[256];
	FILE *swaps = fopen("/proc/swaps", "re");

	if (!swaps)
		return;
	if (fgets(line, sizeof(line), swaps)) {
		while (fgets(line, sizeof(line), swaps))
			if (sscanf(line, "%255s", device) == 1 && swapoff(device))
				rig_say("swapoff %s: %s", device, strerror(errno));
	}
	fclose(swaps);
}

static bool stays(const char *path)
{
	/* /proc is needed to see what is left, the others hold no data. */
	return !strcmp(path, "/") || !strcmp(path, "/proc") || !strcmp(path, "/sys") ||
	       !strcmp(path, "/dev");
}

/* One pass over all mounts, latest first; answers how many went. */
static int unmount_pass(bool complain)
{
	static char *paths[MOUNTS_MAX];
	int count = 0, gone = 0;
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	if (!mounts)
		return 0;
	while (count < MOUNTS_MAX && (entry = getmntent(mounts)))
		if (!stays(entry->mnt_dir))
			paths[count++] = strdup(entry->mnt_dir);
	endmntent(mounts);
	while (count--) {
		if (!umount2(paths[count], UMOUNT_NOFOLLOW))
			gone++;
		else if (complain)
			rig_say("unmounting %s: %s", paths[count], strerror(errno));
		free(paths[count]);
	}
	return gone;
}

void shut_down(void)
{
	end_processes();
	sync();
	swap_off();
	while (unmount_pass(false))
		;
	unmount_pass(true);
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL))
		rig_say("remounting / read-only: %s", strerror(errno));
	sync();
	rig_send(RIG_MARKER_SHUTDOWN, 0, 0);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
