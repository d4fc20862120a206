/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Markers: port writes by which guest programs tell the rig where they are.
 * The numbers are those of emulator/machine/markers.ts. Needs ioperm(2) or iopl(2) first, for both ports.
 */
#ifndef RIG_MARKER_H
#define RIG_MARKER_H

#include <stdint.h>

#define RIG_MARKER_PORT_USER	0x5b10
#define RIG_MARKER_PORTS	12
#define RIG_MARKER_PORT_PVPANIC	0x5b30

/* In edi: this processor is about to send a marker, and it has. */
#define RIG_MARKER_SENDING	0x52494720
#define RIG_MARKER_SENT		0x52494721

#define RIG_MARKER_BEFORE_DISK	 0x2001
#define RIG_MARKER_BOOT_DECISION 0x2002
#define RIG_MARKER_AGENT_READY	 0x2003
#define RIG_MARKER_SHUTDOWN	 0x2004
#define RIG_MARKER_MOUNTED_ONCE	 0x2005
#define RIG_MARKER_BOOT_STOPPED	 0x2006
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

/*
 * Sends a marker by a machine's pvpanic device, with the marker in the registers. QEMU stops processors between
 * blocks of translated code. The first jump begins a block and the second one ends it; the alignment keeps it within a
 * page. So a processor stops with RIG_MARKER_SENT in edi right after it has sent a marker, and never between the write
 * and the mov.
 */
static inline void rig_marker_pvpanic(uint32_t kind, uint32_t word0, uint32_t word1)
{
	uint32_t state = RIG_MARKER_SENDING;

	__asm__ volatile("jmp 1f\n\t"
			 ".balign 32\n"
			 "1:\toutb %%al, %%dx\n\t"
			 "movl %[sent], %%edi\n\t"
			 "jmp 2f\n"
			 "2:\txorl %%edi, %%edi"
			 : "+D"(state)
			 : "a"(1), "d"(RIG_MARKER_PORT_PVPANIC), "b"(kind), "c"(word0), "S"(word1),
			   [sent] "i"(RIG_MARKER_SENT)
			 : "cc", "memory");
}

/* Sends a marker and waits while the rig holds the guest there; without a rig it returns at once. */
static inline void rig_marker(uint32_t kind, uint32_t word0, uint32_t word1)
{
	rig_outl(RIG_MARKER_PORT_USER + 4, word0);
	rig_outl(RIG_MARKER_PORT_USER + 8, word1);
	rig_outl(RIG_MARKER_PORT_USER, kind);
	rig_marker_pvpanic(kind, word0, word1);
	while (rig_inl(RIG_MARKER_PORT_USER) == 1)
		;
}

#endif
