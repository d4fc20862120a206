// SPDX-License-Identifier: GPL-2.0-only
/* Those that call snapshot(2) or hibernate, and who disturbs them. */
#include "callers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices.h"

/* What a snapshot may be refused for while all else goes on. */
static bool is_clean(int error)
{
	return error == EBUSY || error == EINTR || error == EAGAIN || error == ENOMEM;
}

/* The slot of the caller that is killed. */
#define VICTIM 2

static void call_once(unsigned int slot)
{
	bool on_disk = chance_in(3);
	int image = -2, result;

	callers[slot] = getpid();
	if (on_disk)
		*store_on_disk = true;
	result = snapshot(on_disk ? store_number("/dev/sdb1") : 0, &image);
	note("snapshot(%s) = %d, %d, %s", on_disk ? "sdb1" : "0", result, image,
	     result < 0 ? strerror(errno) : "");
	if (result < 0) {
		if (!is_clean(errno))
			fail("snapshot: %s", strerror(errno));
		if (image != -1)
			fail("snapshot failed, but its descriptor is %d", image);
		return;
	}
	if (result > 0) {
		if (result != 1 || image != -1 || !came_back())
			fail("snapshot returned %d and %d, though nothing has been restored", result, image);
		if (slot != VICTIM)
			ballast_check();
		return;
	}
	/* Whoever is killed would leave it half rewritten. */
	if (slot != VICTIM)
		ballast_rewrite();
	switch (chance(4)) {
	case 0:
		break;
	case 1:
		image_read(image, chance(30 << 20), 0);
		break;
	case 2:
		image_read(image, UINT64_MAX, 1 << 20);
		break;
	default:
		pause_up_to(60000);
	}
	end_by_chance(image);
	note("closed");
}

static void first_step(void)
{
	call_once(0);
}

const struct actor caller = { .name = "caller",
			      .step = first_step,
			      .pause_us_max = 100000,
			      .calls_snapshot = true };

static void second_step(void)
{
	call_once(1);
}

const struct actor second_caller = { .name = "second-caller",
				     .step = second_step,
				     .pause_us_max = 60000,
				     .calls_snapshot = true };

/* A caller that is killed, with or without an image in its hands. */
static void victim_step(void)
{
	pid_t child = must(fork());

	if (!child) {
		call_once(VICTIM);
		_exit(0);
	}
	pause_up_to(chance_in(2) ? 5000 : 150000);
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	callers[VICTIM] = 0;
	note("killed a caller");
}

const struct actor victim = { .name = "victim",
			      .step = victim_step,
			      .pause_us_max = 100000,
			      .calls_snapshot = true };

static void disturb_step(void)
{
	pid_t pid = callers[chance(3)];

	if (!pid)
		return;
	if (chance_in(3)) {
		kill(pid, SIGSTOP);
		pause_up_to(10000);
		kill(pid, SIGCONT);
	} else {
		kill(pid, SIGUSR1);
	}
	note("signalled %d", pid);
}

const struct actor disturber = { .name = "disturber",
				 .step = disturb_step,
				 .pause_us_max = 20000,
				 .calls_snapshot = true };

/* An image of stock hibernation, made by /dev/snapshot, and thrown away. */
static void hibernate_by_device(void)
{
	int device = open("/dev/snapshot", O_RDONLY | O_CLOEXEC), made = 0, result;
	static char page[65536];

	if (device < 0) {
		note("/dev/snapshot: %s", strerror(errno));
		if (errno != EBUSY && errno != EINTR)
			fail("/dev/snapshot: %s", strerror(errno));
		return;
	}
	result = ioctl(device, SNAPSHOT_FREEZE, 0);
	note("freeze: %s", result ? strerror(errno) : "done");
	if (!result) {
		result = ioctl(device, SNAPSHOT_CREATE_IMAGE, &made);
		note("create image: %s", result ? strerror(errno) : "done");
		if (result && !is_clean(errno))
			fail("making an image for hibernation: %s", strerror(errno));
		for (unsigned int i = chance(20);
		     !result && i && read(device, page, sizeof(page)) > 0; i--)
			;
		if (chance_in(2))
			ioctl(device, SNAPSHOT_FREE, 0);
		if (chance_in(2))
			ioctl(device, SNAPSHOT_UNFREEZE, 0);
	} else if (!is_clean(errno)) {
		fail("freezing for hibernation: %s", strerror(errno));
	}
	close(device);
}

int hibernate(void)
{
	int state = must(open("/sys/power/state", O_WRONLY | O_CLOEXEC)), error;

	write_file("/sys/power/disk", "test_resume");
	error = write(state, "disk", 4) < 0 ? errno : 0;
	note("hibernation: %s", error ? strerror(error) : "done");
	close(state);
	errno = error;
	return error ? -1 : 0;
}

static void hibernate_to_disk(void)
{
	/* An image is larger than the store in which it would be put in the live timeline. */
	if (*store_on_disk)
		return hibernate_by_device();
	/* ENOSPC and ENODEV: swap is off. */
	if (hibernate() && !is_clean(errno) && errno != ENOSPC && errno != ENODEV)
		fail("hibernation: %s", strerror(errno));
}

static void hibernate_step(void)
{
	if (chance_in(has_snapshot() ? 4 : 2))
		hibernate_to_disk();
	else
		hibernate_by_device();
}

const struct actor hibernator = { .name = "hibernator",
				  .step = hibernate_step,
				  .pause_us_max = 150000 };
