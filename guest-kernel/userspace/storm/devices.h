/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that actors play with: files on the root filesystem, of which loop devices are made.
 */
#ifndef STORM_DEVICES_H
#define STORM_DEVICES_H

#include <stdint.h>

#define LOOP_EXT4 0
#define LOOP_VFAT 1
#define LOOP_DM 2
#define LOOP_SWAP 3
#define LOOP_FREE 4

/* Attaches the file NAME of STORM_DIR to a loop device. 0, or -1 and errno. */
int loop_attach(unsigned int number, const char *name);
int loop_detach(unsigned int number);
const char *loop_path(unsigned int number);

/* Mounts what is on a device to the folder NAME of STORM_DIR. */
int mount_on(const char *device, const char *name, const char *type, unsigned long flags);
const char *place(const char *name);

/* A linear device "storm" over a loop device. 0, or -1 and errno. */
int dm_create(const char *backing);
int dm_suspend(void);
int dm_resume(void);
int dm_remove(void);
#define DM_PATH "/dev/storm-dm"

/* Puts everything away, and fails the run if a filesystem is not whole. */
void devices_check(void);

#endif
