/* SPDX-License-Identifier: GPL-2.0-only */
/* What a store calls a device, in every boot. */
#ifndef SNAPCTL_DEVICE_ID_H
#define SNAPCTL_DEVICE_ID_H

#include <stdbool.h>

/* Is this the id, as in struct snapshot_store_device, of the device with this name in /sys/class/block? */
bool device_is_called(const char *name, const char *id);

#endif
