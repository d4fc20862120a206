/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a snapshot is refused with EBUSY. */
#ifndef SNAPCTL_BUSY_H
#define SNAPCTL_BUSY_H

#define BUSY_TEXT_MAX 256

/*
 * What to do about it, by what the kernel has said and by who holds what; "; ..." to go behind the error.
 * `store` is NULL without one.
 */
void busy_remedy(const char *store, const char *kernel_said, char text[BUSY_TEXT_MAX]);

#endif
