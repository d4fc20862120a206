/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHUTDOWN_H
#define SHUTDOWN_H

/*
 * Ends all processes, writes everything back, takes the filesystems off and powers off. Never
 * returns.
 */
void shut_down(void) __attribute__((noreturn));

#endif
