/* SPDX-License-Identifier: GPL-2.0-only */
/* The page of memory over which driver and checks speak; a file in RAM, mapped by all. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLOTS_MAX 128
#define CONTROL_MAGIC 0x53454c46u

enum slot_state {
	SLOT_UNUSED,
	SLOT_PREPARING,
	SLOT_READY,
	SLOT_SKIPPED,
	SLOT_PASSED,
	SLOT_FAILED,
};

struct slot {
	char name[40];
	_Atomic uint32_t state;
	_Atomic uint32_t sabotaged;
	int32_t pid;
	/* Reached SLOT_READY. */
	uint32_t was_ready;
	char message[600];
};

struct control {
	uint32_t magic;
	uint32_t slots;
	/* A futex: 0 hold, 1 verify. */
	_Atomic uint32_t go;
	int32_t supervisor;
	int64_t off_ms;
	int64_t tolerance_ms;
	uint32_t seed;
	uint32_t anon_mib;
	uint32_t busy;
	/* Each wait of a check may take so many times as long. */
	uint32_t patience;
	char boot_id[40];
	/* Filled by the check ram-marker, from its own memory, when it has verified. */
	char marker_at_start[36];
	char marker_at_verify[36];
	char disk_dir[256];
	char ram_dir[256];
	struct slot slot[SLOTS_MAX];
};

extern struct control *control;

/* All checks, sorted by name. */
struct check;
extern struct check *checks;

/* Runs one check to its end, in a process of its own. */
void check_run(struct check *check, struct slot *slot) __attribute__((noreturn));

#endif
