/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * storm: puts snapshot(2) to the test while everything else goes on.
 *
 * What it does follows from a seed, and the machine it runs in is deterministic, so what failed
 * once fails again.
 */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../snapshot.h"

/* Chance. Every thread has its own, derived from the seed. */
void chance_seed(uint64_t seed);
/* 0 to below - 1. */
uint32_t chance(uint32_t below);
static inline bool chance_in(uint32_t of)
{
	return !chance(of);
}
/* Sleeps for up to `us_max` microseconds, or not at all. */
void pause_up_to(uint32_t us_max);

/* What went wrong; the run ends with status 1. Any process may call it. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool has_failed(void);
/* Ends this process as failed: it cannot go on. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Notes what an actor did, for the case that the run fails; the last few hundred are kept. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* To be called before the first of the above. */
void report_open(void);
void report_name(const char *name);
/* Prints what was noted. */
void report_print(void);

/* The value of a call that answers -1 when it fails; then this process ends. */
#define must(call)                                                                        \
	({                                                                                \
		__typeof__(call) must_result = (call);                                    \
		if (must_result == (__typeof__(call))-1)                                  \
			die("%s:%d: %s: %s", __FILE__, __LINE__, #call, strerror(errno)); \
		must_result;                                                              \
	})

/* The device as snapshot(2) takes it; 0 for memory, which an empty name stands for. */
unsigned int store_number(const char *path);
/* Not every kernel has snapshot(2). One without is put to the test by its hibernation. */
bool has_snapshot(void);
/* snapshot(2): 0 and the descriptor, 1, or -1 and errno. */
int snapshot(unsigned int store, int *image);
bool snapshot_info(int image, struct snapshot_info *info);
/*
 * Reads up to `bytes_max` bytes of the image in pieces of random or of one size (0: random), and
 * fails the run if what it gets is not what snapshot_info() promised. How many it read.
 */
uint64_t image_read(int image, uint64_t bytes_max, size_t piece_bytes);

/*
 * Goes back from the live timeline, resumes from its image, commits it, or lets it go on, and closes the image. What brings the
 * snapshot back does not return: in the restored timeline, the call of snapshot(2) does.
 */
void end_by_chance(int image);
/* Saves the image, closes it, and resumes from it. Returns when that has failed. */
void resume_from(int image);
/* Stock hibernation to swap, and the resume from there at once: 0, or -1 and errno. */
int hibernate(void);
/* Does the kernel say how the latest snapshot(2) that returned 1 came back? */
bool came_back(void);

/* Memory of all processes that a live timeline rewrites, and that is what it was when its snapshot is back. */
void ballast_open(void);
void ballast_rewrite(void);
void ballast_check(void);

/* Small helpers. */
void write_file(const char *path, const char *text);
/* Runs a program with its output thrown away; its exit status, -1 when it was killed. */
int run_quietly(const char *const argv[]);

/* Where everything lies: on the root filesystem. */
#define STORM_DIR "/var/tmp/storm"

struct actor {
	const char *name;
	/* One step of what it does; called again and again. */
	void (*step)(void);
	/* Undoes what the last step may have left. */
	void (*end)(void);
	/* Between two steps. */
	uint32_t pause_us_max;
	/* By the kernel, when memory runs out. */
	bool may_be_killed;
	/* It has nothing to do where the kernel has no snapshot(2). */
	bool calls_snapshot;
};

#define ACTORS_MAX 24
/* Ends with NULL. */
extern const struct actor *const actors[];
/* Who is always there. */
const struct actor *leading_actor(void);
/* Pids of those that call snapshot(2), 0 where there is none. */
#define CALLERS_MAX 4
extern volatile pid_t *callers;
/* Has one of them asked for a store on a disk? */
extern volatile bool *store_on_disk;

/* Subcommands. Each answers the exit status. */
int storm_prepare(void);
int storm_run(uint64_t seed, unsigned int ms);
int storm_leaks(unsigned int rounds);
int storm_pages(void);
int storm_descriptor(const char *store);
int storm_parts(void);
int storm_recent(void);
int storm_alone(unsigned int processor);
int storm_memory(uint64_t seed, unsigned int snapshots);

#endif
