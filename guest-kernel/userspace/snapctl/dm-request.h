/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of the device mapper by ioctls of /dev/mapper/control. */
#ifndef SNAPCTL_DM_REQUEST_H
#define SNAPCTL_DM_REQUEST_H

#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <sys/types.h>

/* With room for a table of one target. */
struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[256];
};

/* `command` is a DM_ ioctl about the mapped device `name`. What ioctl() returns. */
int dm_request(int control, unsigned long command, const char *name, struct dm_request *request);

/* The number of a device as stat() tells it, of what the kernel says in `dev` of a request. */
dev_t dm_device_number(uint64_t dev);

#endif
