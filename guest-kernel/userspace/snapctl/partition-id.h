/* SPDX-License-Identifier: GPL-2.0-only */
/* What a partition table says of a partition. */
#ifndef PARTITION_ID_H
#define PARTITION_ID_H

#include <stdbool.h>

/* As long as any PARTUUID. */
#define PARTUUID_BYTES 37

/*
 * The PARTUUID of a partition, named as in /sys/class/block: the unique id of a GPT's entry, or for an MBR its signature
 * and the partition's number. Lower-case. False when it has none.
 */
bool partition_uuid(const char *name, char uuid[PARTUUID_BYTES]);

#endif
