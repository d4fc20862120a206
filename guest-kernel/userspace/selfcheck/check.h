/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Self-checks: small programs that go through a suspend and then check themselves.
 *
 * A check is a process of its own. It prepares a state, holds it (busily, where it can) until it
 * is told to verify, and then says whether the state is still what it was. Each can also corrupt
 * its state by real means, so that it can be shown that its verification does not pass by itself.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

struct check {
	const char *name;
	/* What is kept, as a sentence without its subject: "pipes keep the data in flight". */
	const char *about;
	/* Why the running kernel cannot do this at all; NULL when it can. Optional. */
	const char *(*missing)(void);
	void (*prepare)(void);
	/* What goes on meanwhile; comes back soon after check_told(). Sleeps unless given. */
	void (*hold)(void);
	/* Spoils the state in a way that verify has to notice. */
	void (*corrupt)(void);
	void (*verify)(void);

	struct check *next;
};

/*
 * Adds a check to the program: CHECK(.name = "pipe", .about = ...). One for each file, or numbered
 * by line.
 */
#define CHECK(...) CHECK_AT(__LINE__, __VA_ARGS__)
#define CHECK_AT(line, ...) CHECK_NAMED(line, __VA_ARGS__)
#define CHECK_NAMED(line, ...)                                               \
	static struct check check_##line = { __VA_ARGS__ };                  \
	static __attribute__((constructor)) void check_register_##line(void) \
	{                                                                    \
		check_register(&check_##line);                               \
	}

void check_register(struct check *check);

/* Has the driver asked to verify? */
bool check_told(void);

/* Waits until then. */
void check_wait(void);

/* A busy loop's pause between two rounds: some ms, or nothing under `selfcheck start --busy`. */
void check_pause(void);

/* Notes that something is not as it was; the check goes on to find more. */
void check_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Ends this check: it cannot be set up, or its state is so far gone that nothing more can be said.
 */
void check_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Ends this check as skipped: the kernel lacks what it needs. Only while preparing. */
void check_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define check_that(condition, ...)               \
	do {                                     \
		if (!(condition))                \
			check_fail(__VA_ARGS__); \
	} while (0)

/* The value of a call that answers -1 or MAP_FAILED when it fails; then the check ends. */
#define must(call)                                                                           \
	({                                                                                   \
		__typeof__(call) must_result = (call);                                       \
		if (must_result == (__typeof__(call))-1)                                     \
			check_die("%s:%d: %s: %s", strrchr("/" __FILE__, '/') + 1, __LINE__, \
				  #call, strerror(errno));                                   \
		must_result;                                                                 \
	})

/* The same for calls that answer an error number, as those of pthreads do. */
#define must_0(call)                                                                         \
	do {                                                                                 \
		int must_error = (call);                                                     \
		if (must_error)                                                              \
			check_die("%s:%d: %s: %s", strrchr("/" __FILE__, '/') + 1, __LINE__, \
				  #call, strerror(must_error));                              \
	} while (0)

/* How long the machine is said to have been off, and how much the clocks may differ from that. */
int64_t check_off_ms(void);
int64_t check_tolerance_ms(void);

/* Seeds the patterns of this check: another one for each check. */
uint32_t check_seed(void);

/* MiB of the big anonymous memory. */
unsigned int check_anon_mib(void);

/* Folders of this check's own, made and empty: on a disk's filesystem, and in RAM. */
const char *check_disk_dir(void);
const char *check_ram_dir(void);

/* "DIR/NAME", in one of a few buffers used in turn. */
const char *check_path(const char *dir, const char *name);

/* A pattern that differs in each byte's neighbourhood and with the seed. */
void pattern_fill(void *memory, size_t bytes, uint32_t seed);
/* Offset of the first byte that is not the pattern's, -1 when all are. */
ssize_t pattern_differs(const void *memory, size_t bytes, uint32_t seed);
/* Fails with "WHAT differs at byte N" when the memory is not the pattern. */
void pattern_check(const char *what, const void *memory, size_t bytes, uint32_t seed);

/* Memory shared with the processes forked later, zeroed. */
void *check_shared(size_t bytes);

/* Starts body(argument) in a process that ends with this one. */
pid_t check_fork(void (*body)(void *), void *argument);

/* Starts a thread, detached. */
void check_thread(void *(*body)(void *), void *argument);

/* The bound of a wait that takes `ms` at most on a machine that is not slow. */
int check_bound_ms(int ms);

/* Waits until *counter has grown past `from`, within the bound of so long. */
bool check_grows(volatile uint32_t *counter, uint32_t from, unsigned int wait_ms);

/* A clock's reading in ns. */
int64_t clock_ns(clockid_t clock);
void sleep_ms(unsigned int ms);

/* write and read that go on until all is done; they end the check when they cannot. */
void write_all(int fd, const void *bytes, size_t count);
void read_all(int fd, void *bytes, size_t count);

/* A file's contents as text, without the last newline; ends the check when it cannot be read. */
const char *slurp(const char *path, char *buffer, size_t size);

#endif
