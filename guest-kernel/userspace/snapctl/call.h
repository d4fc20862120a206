/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls snapshot(2), and says what has come of it. */
#ifndef SNAPCTL_CALL_H
#define SNAPCTL_CALL_H

#include <sys/types.h>

#include "filesystems.h"

/* Names of the environment in which an image is saved. */
#define ENV_FD		"SNAPSHOT_FD"
#define ENV_BYTES	"SNAPSHOT_BYTES"
#define ENV_DEVICES	"SNAPSHOT_DEVICES"
#define ENV_SNAPSHOT	"SNAPSHOT_UUID"
#define ENV_STORE	"SNAPSHOT_STORE"

struct call_options {
	const char *store;		/* path of the block device for changes, NULL for memory */
	/* What the kernel's policies are to say for this call, NULL: as they are. */
	const char *raw_devices;
	const char *remote_filesystems;
};

/* The image that a live timeline has, and the devices that belong to it. */
struct live {
	int image;			/* the descriptor */
	dev_t store;			/* the device of the store, 0 for memory */
	char devices[FILESYSTEMS_LIST_MAX];
};

enum taken { NOT_TAKEN, LIVE, RESTORED, ROLLED_BACK };

/*
 * Takes a snapshot. `live` is filled in for LIVE, and the caller is then among the last that the OOM killer ends.
 * NOT_TAKEN has its reason said. The other two are the restored timeline, and say so.
 */
enum taken take_snapshot(const struct call_options *options, struct live *live);

/* Puts what `save` needs to know into the environment. */
void offer_image(const struct live *live);

#endif
