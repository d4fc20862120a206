/* SPDX-License-Identifier: GPL-2.0-only */
/* The filesystems and swap areas that belong to a snapshot. */
#ifndef SNAPCTL_FILESYSTEMS_H
#define SNAPCTL_FILESYSTEMS_H

#include "container.h"

#define FILESYSTEMS_LIST_MAX 4096

/*
 * Lists the devices in use by filesystems and swap as "MAJOR:MINOR", with a space between two. To
 * be asked before the snapshot: what comes into use later does not belong to it.
 */
void filesystems_list(char list[FILESYSTEMS_LIST_MAX]);

/* Adds a device to a list, unless it is there. */
void filesystems_add(char list[FILESYSTEMS_LIST_MAX], uint64_t device);

/* Is a device among those of a list? */
bool filesystems_listed(const char *list, uint64_t device);

/*
 * Fingerprints what is on the devices of a list, as it was at the snapshot. Says what cannot be
 * seen as it was. 0, or -1 with the reason said.
 */
int filesystems_describe(struct snap_header *header, const char *list);

/*
 * Waits for a device with this connection (place_connection()), or this name if that is not known. Puts its present name in
 * place of its name then. False when `wait_ms` is over, of which it takes what it has waited.
 */
bool device_appears(uint32_t connection, char device[32], int *wait_ms);

/*
 * Is all as it was at the snapshot? Waits until devices have appeared. 0, or -1 or UNREACHABLE with
 * the reason said.
 */
int filesystems_check(const char *name, const struct snap_header *header, int wait_ms);

#endif
