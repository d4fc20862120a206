/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The delivery port: bytes that the rig has for a guest program, which takes them four at a time.
 * The number is that of emulator/machine/delivery.ts. Needs ioperm(2) first.
 */
#ifndef RIG_DELIVERY_H
#define RIG_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#define RIG_DELIVERY_PORT	0x5b20
#define RIG_DELIVERY_PORTS	8

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
