/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said to people, on stderr. */
#ifndef SNAPCTL_COMPLAIN_H
#define SNAPCTL_COMPLAIN_H

/* "snapctl: NAME: ..."; always -1. */
int complain(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * What functions answer in place of -1 when a device is missing or cannot be read: an image may be good all the same.
 */
#define UNREACHABLE (-2)

/* The same when a boot would mount filesystems of which a part has been written. */
#define UNFINISHED (-3)

/* What to do about an error number, as "; do this"; empty when there is nothing to say. */
const char *remedy_for_writing(int error);

/* From here on the kernel's messages are of interest. Answers what kernel_messages_end() takes. */
int kernel_messages_begin(void);

#define KERNEL_MESSAGES_MAX 4096

/* The errors that the kernel has logged since, each as a line to be shown. */
void kernel_messages_end(int begun, char messages[KERNEL_MESSAGES_MAX]);

#endif
