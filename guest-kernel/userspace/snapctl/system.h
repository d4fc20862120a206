/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of /proc, /sys and /dev, which may be those of another root (option --root). */
#ifndef SNAPCTL_SYSTEM_H
#define SNAPCTL_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SYSTEM_PATH_MAX 512

/* "" for this system. */
extern const char *system_root;

/* The path of a file, made like printf(); "" when it would be too long. */
void system_path(char path[SYSTEM_PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Opens a text file for reading; NULL when it cannot be. */
FILE *system_open(const char *path);

/* The first line of a file without its end. False when there is none. */
bool system_line(const char *path, char *line, size_t size);

/* The decimal number in a file; 0 when there is none. */
uint64_t system_number(const char *path);

/* The number of a device as the kernel packs it in system calls, ioctls and /proc: 12 bits of major around 20 of minor. */
unsigned int system_device(dev_t device);

/* The last part of the target of a link. False when it is none. */
bool system_link(const char *path, char *name, size_t size);

#endif
