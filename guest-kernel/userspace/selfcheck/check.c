// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"

#define PAUSE_MS 10

struct control *control;
struct check *checks;

static struct check *this_check;
static struct slot *this_slot;
static pid_t main_pid;
/* A check is failed by any of its processes; only its first process ends it. */
static _Atomic uint32_t *failures;
/* Processes of the check that have ended by check_die(): what they did, nobody does any more. */
static _Atomic uint32_t *deaths;
static pthread_mutex_t message_lock = PTHREAD_MUTEX_INITIALIZER;

void check_register(struct check *check)
{
	struct check **link = &checks;

	while (*link && strcmp((*link)->name, check->name) < 0)
		link = &(*link)->next;
	check->next = *link;
	*link = check;
}

bool check_told(void)
{
	return atomic_load(&control->go);
}

void check_wait(void)
{
	while (!check_told())
		syscall(SYS_futex, &control->go, FUTEX_WAIT, 0, NULL, NULL, 0);
}

void check_pause(void)
{
	if (control->busy)
		sched_yield();
	else
		sleep_ms(PAUSE_MS);
}

static void note(const char *format, va_list args)
{
	char text[256];
	size_t used;

	vsnprintf(text, sizeof(text), format, args);
	pthread_mutex_lock(&message_lock);
	used = strlen(this_slot->message);
	/* What goes on failing in the same way is told once. */
	if (!strstr(this_slot->message, text))
		snprintf(this_slot->message + used, sizeof(this_slot->message) - used, "%s%s",
			 used ? "\n" : "", text);
	pthread_mutex_unlock(&message_lock);
}

void check_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(format, args);
	va_end(args);
	atomic_fetch_add(failures, 1);
}

static void end(enum slot_state state)
{
	if (getpid() == main_pid) {
		atomic_store(&this_slot->state, state);
		/* Children and threads go with it. */
		kill(0, SIGKILL);
	}
	_exit(state == SLOT_PASSED ? 0 : 1);
}

void check_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(format, args);
	va_end(args);
	atomic_fetch_add(failures, 1);
	atomic_fetch_add(deaths, 1);
	end(SLOT_FAILED);
	__builtin_unreachable();
}

void check_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(format, args);
	va_end(args);
	end(SLOT_SKIPPED);
	__builtin_unreachable();
}

int64_t check_off_ms(void)
{
	return control->off_ms;
}

int64_t check_tolerance_ms(void)
{
	return control->tolerance_ms;
}

uint32_t check_seed(void)
{
	uint32_t seed = control->seed * 2654435761u;

	for (const char *c = this_check->name; *c; c++)
		seed = (seed ^ (uint8_t)*c) * 16777619u;
	return seed;
}

unsigned int check_anon_mib(void)
{
	return control->anon_mib;
}

static const char *own_dir(const char *parent)
{
	const char *path = check_path(parent, this_check->name);

	if (mkdir(path, 0755) && errno != EEXIST)
		check_die("%s: %s", path, strerror(errno));
	return path;
}

const char *check_disk_dir(void)
{
	return own_dir(control->disk_dir);
}

const char *check_ram_dir(void)
{
	return own_dir(control->ram_dir);
}

const char *check_path(const char *dir, const char *name)
{
	static __thread char paths[8][512];
	static __thread unsigned int turn;
	char *path = paths[turn++ % 8];

	if (snprintf(path, sizeof(paths[0]), "%s/%s", dir, name) >= (int)sizeof(paths[0]))
		check_die("path too long: %s/%s", dir, name);
	return path;
}

/* The pattern is a xorshift sequence (Marsaglia, 2003), begun far apart for seeds that are near. */
static uint32_t pattern_begin(uint32_t seed)
{
	seed = (seed ^ seed >> 15) * 2246822519u;
	seed = (seed ^ seed >> 13) * 3266489917u;
	return seed ? seed : 1;
}

static inline uint32_t pattern_next(uint32_t word)
{
	word ^= word << 13;
	word ^= word >> 17;
	return word ^ word << 5;
}

void pattern_fill(void *memory, size_t bytes, uint32_t seed)
{
	uint32_t word = pattern_begin(seed);
	uint8_t *to = memory;

	for (; bytes >= 4; bytes -= 4, to += 4) {
		memcpy(to, &word, 4);
		word = pattern_next(word);
	}
	memcpy(to, &word, bytes);
}

ssize_t pattern_differs(const void *memory, size_t bytes, uint32_t seed)
{
	uint32_t word = pattern_begin(seed);
	const uint8_t *from = memory;

	for (; bytes >= 4 && !memcmp(from, &word, 4); bytes -= 4, from += 4)
		word = pattern_next(word);
	for (size_t i = 0; i < bytes && i < 4; i++)
		if (from[i] != (uint8_t)(word >> 8 * i))
			return from + i - (const uint8_t *)memory;
	return -1;
}

void pattern_check(const char *what, const void *memory, size_t bytes, uint32_t seed)
{
	ssize_t at = pattern_differs(memory, bytes, seed);

	if (at >= 0)
		check_fail("%s differs at byte %zd of %zu (address %p)", what, at, bytes,
			   (void *)((uintptr_t)memory + at));
}

void *check_shared(size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

pid_t check_fork(void (*body)(void *), void *argument)
{
	pid_t parent = getpid(), pid = must(fork());

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	body(argument);
	_exit(0);
}

void check_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	must_0(pthread_create(&thread, NULL, body, argument));
	must_0(pthread_detach(thread));
}

int check_bound_ms(int ms)
{
	return ms * (int)control->patience;
}

bool check_grows(volatile uint32_t *counter, uint32_t from, unsigned int wait_ms)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + check_bound_ms(wait_ms) * 1000000LL;

	while ((int32_t)(*counter - from) <= 0) {
		/* The one that counted may have ended: then there is nothing to wait for. */
		if (clock_ns(CLOCK_MONOTONIC) > deadline || atomic_load(deaths))
			return false;
		sleep_ms(2);
	}
	return true;
}

int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		check_die("clock_gettime(%d): %s", (int)clock, strerror(errno));
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

void write_all(int fd, const void *bytes, size_t count)
{
	while (count) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno != EINTR)
			check_die("write: %s", strerror(errno));
		if (n > 0) {
			bytes = (const uint8_t *)bytes + n;
			count -= n;
		}
	}
}

void read_all(int fd, void *bytes, size_t count)
{
	while (count) {
		ssize_t n = read(fd, bytes, count);

		if (n < 0 && errno != EINTR)
			check_die("read: %s", strerror(errno));
		if (n == 0)
			check_die("read: end of file with %zu bytes missing", count);
		if (n > 0) {
			bytes = (uint8_t *)bytes + n;
			count -= n;
		}
	}
}

const char *slurp(const char *path, char *buffer, size_t size)
{
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = must(read(fd, buffer + used, size - 1 - used))) > 0)
		used += n;
	close(fd);
	if (used && buffer[used - 1] == '\n')
		used--;
	buffer[used] = '\0';
	return buffer;
}

void check_run(struct check *check, struct slot *slot)
{
	const char *reason;

	this_check = check;
	this_slot = slot;
	main_pid = getpid();
	slot->pid = main_pid;
	must(setsid());
	failures = check_shared(4096);
	deaths = failures + 1;
	prctl(PR_SET_NAME, check->name);
	if (check->missing && (reason = check->missing()))
		check_skip("%s", reason);
	check->prepare();
	if (atomic_load(failures))
		end(SLOT_FAILED);
	slot->was_ready = 1;
	atomic_store(&slot->state, SLOT_READY);
	if (check->hold)
		check->hold();
	check_wait();
	if (atomic_load(&slot->sabotaged))
		check->corrupt();
	check->verify();
	end(atomic_load(failures) ? SLOT_FAILED : SLOT_PASSED);
	__builtin_unreachable();
}
