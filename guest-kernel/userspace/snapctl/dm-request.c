// SPDX-License-Identifier: GPL-2.0-only
#include "dm-request.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

int dm_request(int control, unsigned long command, const char *name, struct dm_request *request)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.version[1] = 0;
	request->head.version[2] = 0;
	request->head.data_size = sizeof(*request);
	request->head.data_start = offsetof(struct dm_request, target);
	snprintf(request->head.name, sizeof(request->head.name), "%s", name);
	return ioctl(control, command, request);
}

/* The kernel's interface packs the number as 12 bits of major around 20 of minor. */
dev_t dm_device_number(uint64_t dev)
{
	return makedev(dev >> 8 & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00));
}
