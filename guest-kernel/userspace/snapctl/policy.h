/* SPDX-License-Identifier: GPL-2.0-only */
/* What the call does about devices and filesystems that others have: /sys/kernel/snapshot. */
#ifndef SNAPCTL_POLICY_H
#define SNAPCTL_POLICY_H

#define POLICY_CHOICE_MAX 32

/* One of the files there, and what it is to say for one call. */
struct policy {
	const char *name;			/* of the file */
	const char *wanted;			/* NULL: as it is */
	char before[POLICY_CHOICE_MAX];		/* "" as long as it has not been changed */
};

/*
 * Lets it say what is wanted. Signals interrupt the call from then on, and do not end this process. 0, or -1
 * with the reason said.
 */
int policy_begin(struct policy *policy);

/* Puts back what it said, in both timelines. */
void policy_end(struct policy *policy);

#endif
