/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of snapctl. Each answers an exit status. */
#ifndef SNAPCTL_COMMANDS_H
#define SNAPCTL_COMMANDS_H

#include <stdbool.h>

#include "call.h"
#include "container.h"

enum { OK = 0, FAILED = 1, USAGE = 2, BOOT_ON = 3, STOP_BOOT = 4, GONE_BACK = 5, COMMITTED = 6 };

struct take_options {
	struct call_options call;
	bool failure_rolls_back;	/* when the command fails, the live timeline is given up */
};

int take(const struct take_options *options, char **command);

struct save_options {
	struct container_options container;
	bool from_stdin;
	bool keep;		/* the image may be restored again and again */
};

int save(const char *name, const struct save_options *options);

/* The descriptor that `take` has given to `command`, or -1 with the reason said. */
int held_image(const char *command);

/* Returns only when the system has not gone back, and has said why. */
int rollback(void);
void rollback_to(int image);

struct commit_options {
	bool no_recovery;	/* a loss of power meanwhile may leave the devices of no use */
	bool images_gone;	/* no image has been saved of the snapshot, or is there any more */
	bool no_wait;		/* `commit` only: return when merging has begun */
};

#define WITHOUT_MAX 16

struct recover_options {
	const char *without[WITHOUT_MAX];	/* ids of devices that are gone for good */
	int without_count;
};

/* Completes what a loss of power has interrupted; `name` is a store. */
int recover(const char *name, const struct recover_options *options);

/* Returns when all that the live timeline has written is on the devices, unless it is not to wait for that. */
int commit(const struct commit_options *options);

/* The same by the image's descriptor. 0, or -1 with the reason said. */
int commit_to(int image, const struct commit_options *options);

/* What is done with a live timeline whose image cannot be saved. */
enum decision { ASK, ROLL_BACK, TRY_AGAIN, COMMIT, POWER_OFF };

struct suspend_options {
	struct call_options call;
	struct save_options save;
	struct commit_options commit;
	enum decision on_failure;	/* anything but TRY_AGAIN */
	int timeout_seconds;		/* how long people are asked before that is done */
};

/* Saves to the first of these places that takes the image. Returns in the restored timeline, or where there is no other. */
int suspend(const struct suspend_options *options, char **places);

/* `name` may be NULL: the image that the environment names, in the kernel. */
int info(const char *name);
int verify(const char *name);

struct load_options {
	bool boot_on;		/* `resume`: failing ends with BOOT_ON or STOP_BOOT */
	bool check_only;
	bool ignore_store;	/* do not look whether the snapshot has been committed */
	const char *unmount;	/* folder to unmount before the image is restored, or NULL */
};

/* `name` may be DEVICE:PATH, to be mounted. */
int load(const char *name, const struct load_options *options);

#endif
