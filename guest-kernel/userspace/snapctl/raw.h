/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices that programs have open for writing. */
#ifndef SNAPCTL_RAW_H
#define SNAPCTL_RAW_H

#include "filesystems.h"

/*
 * Adds them to a list of devices. The kernel gives them substitutes, so that an image on one of them would be lost. To be
 * asked before the snapshot.
 */
void raw_devices_list(char list[FILESYSTEMS_LIST_MAX]);

#endif
