/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of snapctl. Each answers an exit status. */
#ifndef SNAPCTL_COMMANDS_H
#define SNAPCTL_COMMANDS_H

#include <stdbool.h>

#include "container.h"

enum { OK = 0, FAILED = 1, USAGE = 2, BOOT_ON = 3, STOP_BOOT = 4 };

/* Names of the environment in which `take` runs its command. */
#define ENV_FD		"SNAPSHOT_FD"
#define ENV_BYTES	"SNAPSHOT_BYTES"
#define ENV_DEVICES	"SNAPSHOT_DEVICES"

struct take_options {
	const char *store;		/* path of the block device for changes, NULL for memory */
	/* What the kernel's policies are to say for this call, NULL: as they are. */
	const char *raw_devices;
	const char *remote_filesystems;
	bool failure_rolls_back;	/* when the command fails, the live timeline is given up */
};

int take(const struct take_options *options, char **command);

struct save_options {
	struct container_options container;
	bool from_stdin;
};

int save(const char *name, const struct save_options *options);

/* The descriptor that `take` has given to `command`, or -1 with the reason said. */
int held_image(const char *command);

/* Returns only when the system has not gone back, and has said why. */
int rollback(void);
void rollback_to(int image);

struct commit_options {
	bool no_recovery;	/* a loss of power meanwhile may leave the devices of no use */
};

/* Completes what a loss of power has interrupted; `name` is a store. */
int recover(const char *name);

/* Returns when all that the live timeline has written is on the devices. */
int commit(const struct commit_options *options);

/* `name` may be NULL: the image that the environment names, in the kernel. */
int info(const char *name);
int verify(const char *name);

struct load_options {
	bool boot_on;		/* `resume`: failing ends with BOOT_ON or STOP_BOOT */
	bool check_only;
	const char *unmount;	/* folder to unmount before the image is restored, or NULL */
};

/* `name` may be DEVICE:PATH, to be mounted. */
int load(const char *name, const struct load_options *options);

#endif
