/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fingerprints of filesystems and swap areas: which one it is, and a digest of what changes on disk
 * whenever it is used.
 */
#ifndef SNAPCTL_FINGERPRINT_H
#define SNAPCTL_FINGERPRINT_H

#include "container.h"
#include "place.h"

/*
 * Looks at a place. With SNAP_COMPLETE, the digest is of all that changes when the filesystem is
 * mounted for writing, checked or altered; with SNAP_PART, of what stays while it is mounted; with
 * SNAP_WHOLE, of all of a swap area, too. What is of no known kind is called "other" and has a digest of its first 72 KiB, or none.
 * 0, or -1 and errno when it cannot be read.
 */
int fingerprint(const struct place *place, enum snap_completeness complete, struct snap_filesystem *filesystem);

/* The type to mount a filesystem of this kind with, NULL when it is none to be mounted. */
const char *fingerprint_mount_type(const char *kind);

#endif
