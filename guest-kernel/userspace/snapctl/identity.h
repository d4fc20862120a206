/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine and the kernel that an image belongs to. */
#ifndef SNAPCTL_IDENTITY_H
#define SNAPCTL_IDENTITY_H

#include "container.h"

/* Fills in what tells this machine and this kernel from others. */
void identity_describe(struct snap_header *header);

/* Are machine and kernel those of the image? 0, or -1 with the reason said. */
int identity_check(const char *name, const struct snap_header *header);

#endif
