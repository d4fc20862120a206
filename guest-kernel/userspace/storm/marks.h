/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STORM_MARKS_H
#define STORM_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Has the kernel mark in page table entries what has been written (soft-dirty), and what must not be written before
 * somebody is told (userfaultfd), and looks whether the marks stay. Until `over`; does not return.
 */
void marks_keep(uint64_t seed, volatile bool *over) __attribute__((noreturn));

#endif
