/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that the rig has for a guest program: at a port, which gives four at a time, or in a window, which is
 * the second memory region of a PCI device. emulator/machine/delivery.ts describes both, with the same
 * numbers. The port needs ioperm(2) first.
 */
#ifndef RIG_DELIVERY_H
#define RIG_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#define RIG_DELIVERY_PORT	0x5b20
#define RIG_DELIVERY_PORTS	8

#define RIG_DELIVERY_VENDOR	0x1af4
#define RIG_DELIVERY_DEVICE	0x1110
#define RIG_DELIVERY_WINDOW	0x200000
#define RIG_DELIVERY_BYTES_AT	0x1000
#define RIG_DELIVERY_BYTES_MAX	0x100000

/* How many bytes are left; all ones without a rig, or when more was taken than there was. */
static inline uint32_t rig_delivery_left(void)
{
	uint32_t left;

	__asm__ volatile("inl %1, %0" : "=a"(left) : "Nd"((uint16_t)(RIG_DELIVERY_PORT + 4)));
	return left;
}

/* Takes so many words. */
static inline void rig_delivery_take(uint32_t *to, size_t words)
{
	__asm__ volatile("rep insl"
			 : "+D"(to), "+c"(words)
			 : "d"((uint16_t)RIG_DELIVERY_PORT)
			 : "memory");
}

#endif
