/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rig's guest programs share: messages, markers, small file helpers. */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../rig_marker.h"

/* Prints "NAME: message" on stderr; for init programs that is the console. */
void rig_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Gives this process access to the marker ports. False when the kernel refuses (no root, no
 * ioperm): rig_send() then does nothing.
 */
bool rig_ports_open(void);

/* Sends a marker if rig_ports_open() succeeded; waits while the rig holds the guest there. */
void rig_send(uint32_t kind, uint32_t word0, uint32_t word1);

/* Reads a small file whole, without its last newline. -1 and errno when it cannot be read. */
long rig_read_file(const char *path, char *buffer, size_t size);

/* Writes a string to an existing file in one write. 0, or -1 and errno. */
int rig_write_file(const char *path, const char *text);

/*
 * The value of the word "NAME=value" of the kernel command line, copied to buffer; the last one
 * wins. False when there is none. A bare "NAME" gives an empty value.
 */
bool rig_option(const char *name, char *buffer, size_t size);

/* Sleeps on CLOCK_MONOTONIC. */
void rig_sleep_ms(unsigned int ms);

#endif
