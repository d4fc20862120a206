// SPDX-License-Identifier: GPL-2.0-only
/* Those that change what filesystems and devices there are. */
#include "callers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include "devices.h"

static const char *result_of(int result)
{
	return result < 0 ? strerror(errno) : "done";
}

/* Fails the run if a call failed for anything but the errors given, 0 for none. */
static void expect(const char *what, int result, int one, int two)
{
	note("%s: %s", what, result_of(result));
	if (result < 0 && errno != one && errno != two && errno != EINTR)
		fail("%s: %s", what, strerror(errno));
}

/* Freezes a filesystem for a moment, as a backup program does. */
static void freeze_step(void)
{
	static const char *const names[] = { "on-ext4", "on-vfat", "on-dm", "files" };
	const char *name = names[chance(4)];
	int folder = open(place(name), O_RDONLY | O_CLOEXEC);

	if (folder < 0)
		return;
	/* What is mounted there is frozen, or the root filesystem. */
	expect("freeze", ioctl(folder, FIFREEZE, 0), EBUSY, EOPNOTSUPP);
	pause_up_to(15000);
	expect("thaw", ioctl(folder, FITHAW, 0), EINVAL, EBUSY);
	close(folder);
}

const struct actor freezer = { .name = "freezer", .step = freeze_step, .pause_us_max = 30000 };

static void remount_step(void)
{
	const char *name = chance_in(2) ? "on-ext4" : "on-vfat";
	unsigned long flags = MS_REMOUNT | (chance_in(2) ? MS_RDONLY : 0);

	expect(flags & MS_RDONLY ? "remount ro" : "remount rw",
	       mount(NULL, place(name), NULL, flags, NULL), EBUSY, EINVAL);
}

static void remount_end(void)
{
	mount(NULL, place("on-ext4"), NULL, MS_REMOUNT, NULL);
	mount(NULL, place("on-vfat"), NULL, MS_REMOUNT, NULL);
}

const struct actor remounter = { .name = "remounter",
				 .step = remount_step,
				 .end = remount_end,
				 .pause_us_max = 30000 };

static void mount_step(void)
{
	bool ext4 = chance_in(2);
	const char *name = ext4 ? "on-ext4" : "on-vfat";

	expect("unmount", umount2(place(name), chance_in(3) ? MNT_DETACH : 0), EBUSY, EINVAL);
	pause_up_to(20000);
	expect("mount",
	       mount_on(loop_path(ext4 ? LOOP_EXT4 : LOOP_VFAT), name, ext4 ? "ext4" : "vfat", 0),
	       EBUSY, 0);
	if (chance_in(3)) {
		/* ENOENT: the looper took away what it was to be mounted over. */
		expect("mount tmpfs", mount_on("storm", "on-free", "tmpfs", 0), ENOENT, 0);
		pause_up_to(5000);
		expect("unmount tmpfs", umount2(place("on-free"), MNT_DETACH), EINVAL, 0);
	}
}

const struct actor mounter = { .name = "mounter", .step = mount_step, .pause_us_max = 40000 };

/*
 * A mapped device comes, is used, suspended, resumed, and goes; or stays, when it has a
 * substitute.
 */
static void map_step(void)
{
	int result = dm_create(loop_path(LOOP_DM));

	expect("dm create", result, EBUSY, EEXIST);
	result = mount_on(DM_PATH, "on-dm", "ext4", 0);
	expect("dm mount", result, EBUSY, 0);
	for (unsigned int i = chance(4); i; i--) {
		expect("dm suspend", dm_suspend(), 0, 0);
		pause_up_to(10000);
		expect("dm resume", dm_resume(), 0, 0);
		pause_up_to(10000);
	}
	if (!result)
		expect("dm unmount", umount2(place("on-dm"), MNT_DETACH), 0, 0);
	for (unsigned int i = 0; i < 5; i++) {
		result = dm_remove();
		expect("dm remove", result, EBUSY, 0);
		if (!result)
			break;
		usleep(3000);
	}
}

const struct actor mapper = { .name = "mapper", .step = map_step, .pause_us_max = 30000 };

static void loop_step(void)
{
	int result = loop_attach(LOOP_FREE, "free");

	expect("attach", result, EBUSY, 0);
	if (!result && chance_in(2)) {
		/* ENOENT: the mounter took away what it was to be mounted over. */
		expect("mount loop", mount_on(loop_path(LOOP_FREE), "on-free", "vfat", 0), EBUSY,
		       ENOENT);
		pause_up_to(20000);
		/* A mount that went before makes way for one over it. */
		expect("unmount loop", umount2(place("on-free"), MNT_DETACH), EINVAL, 0);
	}
	pause_up_to(10000);
	expect("detach", loop_detach(LOOP_FREE), ENXIO, 0);
}

const struct actor looper = { .name = "looper", .step = loop_step, .pause_us_max = 20000 };

static void swap_step(void)
{
	const char *what = (const char *const[]){ "/dev/sdb2", loop_path(LOOP_SWAP),
						  place("file-swap") }[chance(3)];

	if (chance_in(2)) {
		/* EINVAL also for an area that a snapshot with its store in memory has closed. */
		expect("swapoff", swapoff(what), EINVAL, ENOMEM);
		pause_up_to(10000);
	}
	expect("swapon", swapon(what, 0), EBUSY, 0);
}

const struct actor swapper = { .name = "swapper", .step = swap_step, .pause_us_max = 30000 };
