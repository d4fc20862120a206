/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DETACH_H
#define DETACH_H

/*
 * Takes down all that lies on the disks: mounts (but those that are needed to look), swap, loop devices,
 * device-mapper devices, md arrays, bcache. They stand on one another in any order, so all are tried again
 * and again until nothing changes. What stayed busy is named on the console, one line each; answers how much
 * that is. What the root filesystem stands on does not count.
 */
int detach_all(void);

/* Names something that stayed busy, in the form that the rig reads (emulator/cycle/shutdown.ts). */
void stays_busy(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
