/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Markers: port writes by which guest programs tell the rig where they are.
 * The numbers are those of emulator/machine/markers.ts. Needs ioperm(2) or iopl(2) first.
 */
#ifndef RIG_MARKER_H
#define RIG_MARKER_H

#include <stdint.h>

#define RIG_MARKER_PORT_USER	0x5b10
#define RIG_MARKER_PORTS	12

#define RIG_MARKER_BEFORE_DISK	 0x2001
#define RIG_MARKER_BOOT_DECISION 0x2002
#define RIG_MARKER_AGENT_READY	 0x2003
#define RIG_MARKER_SHUTDOWN	 0x2004
#define RIG_MARKER_MOUNTED_ONCE	 0x2005
#define RIG_MARKER_SCENARIO	 0x3000

static inline void rig_outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t rig_inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* Sends a marker and waits while the rig holds the guest there; without a rig it returns at once. */
static inline void rig_marker(uint32_t kind, uint32_t word0, uint32_t word1)
{
	rig_outl(RIG_MARKER_PORT_USER + 4, word0);
	rig_outl(RIG_MARKER_PORT_USER + 8, word1);
	rig_outl(RIG_MARKER_PORT_USER, kind);
	while (rig_inl(RIG_MARKER_PORT_USER) == 1)
		;
}

#endif
