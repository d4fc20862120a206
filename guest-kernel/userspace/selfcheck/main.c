// SPDX-License-Identifier: GPL-2.0-only
/*
 * selfcheck: starts the checks, and later has them verify themselves. The report is KTAP.
 * Exit statuses: 0 all well, 1 a check failed, 2 wrong use.
 */
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"

#define READY_MS_MAX 120000
#define PATIENCE_MAX 100
/* Of all checks. */
#define CHECKS_NICE 10
#define DEFAULT_STATE_DIR "/run/selfcheck"
#define DEFAULT_DISK_DIR "/var/tmp/selfcheck"

static struct {
	const char *state_dir;
	const char *disk_dir;
	uint32_t seed;
	uint32_t anon_mib;
	bool busy;
	uint32_t patience;
	int64_t off_ms;
	int64_t tolerance_ms;
	int64_t timeout_ms;
	/* Names given; all when none. */
	char **names;
	int name_count;
} options = {
	.state_dir = DEFAULT_STATE_DIR,
	.disk_dir = DEFAULT_DISK_DIR,
	.seed = 1,
	.anon_mib = 8,
	.patience = 1,
	.tolerance_ms = 2000,
	.timeout_ms = 120000,
};

static void quit(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

static void quit(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "selfcheck: ");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: selfcheck list\n"
		"       selfcheck start [OPTION...] [NAME...]   starts the checks (all unless named) and waits until they hold\n"
		"       selfcheck sabotage NAME                 has a running check spoil its state before it verifies\n"
		"       selfcheck verify [OPTION...]            has them verify, prints KTAP, fails when one has failed\n"
		"       selfcheck run [OPTION...] [NAME...]     start and verify at once\n"
		"       selfcheck stop                          ends them without a word\n"
		"options: --seed N  --anon-mib N  --busy  --dir DIR (on a disk)  --state DIR (in RAM)\n"
		"         --off-ms N (how long the machine was off)  --tolerance-ms N  --timeout-ms N\n"
		"         --patience N (of start: all waits may take N times as long, on a slow machine)\n");
}

static const char *state_path(const char *name)
{
	return check_path(options.state_dir, name);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755))
		quit(2, "%s: %s", path, strerror(errno));
}

static void create_control(void)
{
	int fd;

	if (access(state_path("control"), F_OK) == 0)
		quit(2, "checks are running already; end them by: selfcheck stop");
	remove_tree(options.state_dir);
	remove_tree(options.disk_dir);
	make_dir(options.state_dir);
	make_dir(options.disk_dir);
	fd = open(state_path("control"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*control)))
		quit(2, "%s: %s", state_path("control"), strerror(errno));
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		quit(2, "mmap: %s", strerror(errno));
	close(fd);
	control->seed = options.seed;
	control->anon_mib = options.anon_mib;
	control->busy = options.busy;
	control->patience = options.patience;
	snprintf(control->disk_dir, sizeof(control->disk_dir), "%s", options.disk_dir);
	snprintf(control->ram_dir, sizeof(control->ram_dir), "%s", options.state_dir);
	slurp("/proc/sys/kernel/random/boot_id", control->boot_id, sizeof(control->boot_id));
	control->magic = CONTROL_MAGIC;
}

static void open_control(void)
{
	int fd = open(state_path("control"), O_RDWR | O_CLOEXEC);
	struct stat status;

	if (fd < 0)
		quit(2, "no checks are running (%s: %s)", state_path("control"), strerror(errno));
	if (fstat(fd, &status) || status.st_size != sizeof(*control))
		quit(2, "%s is of another version", state_path("control"));
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (control == MAP_FAILED || control->magic != CONTROL_MAGIC)
		quit(2, "%s is damaged", state_path("control"));
}

static struct check *find_check(const char *name)
{
	struct check *check = checks;

	while (check && strcmp(check->name, name))
		check = check->next;
	return check;
}

static bool is_wanted(const struct check *check)
{
	for (int i = 0; i < options.name_count; i++)
		if (!strcmp(options.names[i], check->name))
			return true;
	return options.name_count == 0;
}

static bool is_over(const struct slot *slot)
{
	uint32_t state = atomic_load(&slot->state);

	return state == SLOT_SKIPPED || state == SLOT_PASSED || state == SLOT_FAILED;
}

/* A check's process has ended. If it has not said how, it was not meant to. */
static void note_end(pid_t pid, int status)
{
	for (uint32_t i = 0; i < control->slots; i++) {
		struct slot *slot = &control->slot[i];
		size_t used = strlen(slot->message);

		if (slot->pid != pid || is_over(slot))
			continue;
		snprintf(slot->message + used, sizeof(slot->message) - used,
			 "%sthe process ended unexpectedly (%s %d)", used ? "\n" : "",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		atomic_store(&slot->state, SLOT_FAILED);
	}
}

/* The parent of all checks: it alone learns how they end. */
static void supervise(void)
{
	int status, null = open("/dev/null", O_RDWR);
	pid_t pid;

	setsid();
	/*
	 * On a debug kernel with several emulated processors all checks together are more work than
	 * the machine does. Whoever suspends it or asks for the checks' state has to get through.
	 */
	setpriority(PRIO_PROCESS, 0, CHECKS_NICE);
	prctl(PR_SET_NAME, "selfcheck-super");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	for (struct check *check = checks; check; check = check->next) {
		struct slot *slot = &control->slot[control->slots];

		if (!is_wanted(check))
			continue;
		snprintf(slot->name, sizeof(slot->name), "%s", check->name);
		atomic_store(&slot->state, SLOT_PREPARING);
		pid = fork();
		if (pid == 0)
			check_run(check, slot);
		slot->pid = pid;
		if (pid < 0) {
			snprintf(slot->message, sizeof(slot->message), "fork: %s", strerror(errno));
			atomic_store(&slot->state, SLOT_FAILED);
		}
		control->slots++;
	}
	control->supervisor = getpid();
	while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		if (pid > 0)
			note_end(pid, status);
	exit(0);
}

static uint32_t count(uint32_t state)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < control->slots; i++)
		found += atomic_load(&control->slot[i].state) == state;
	return found;
}

static void print_message(const char *prefix, const char *message)
{
	for (size_t length; *message; message += length + (message[length] == '\n')) {
		length = strcspn(message, "\n");
		printf("%s%.*s\n", prefix, (int)length, message);
	}
}

static void end_all(void)
{
	for (uint32_t i = 0; i < control->slots; i++)
		if (control->slot[i].pid > 0 && !is_over(&control->slot[i]))
			kill(-control->slot[i].pid, SIGKILL);
	remove_tree(options.state_dir);
	remove_tree(control->disk_dir);
}

static int start(void)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + READY_MS_MAX * 1000000LL * options.patience;
	int result = 0;

	for (int i = 0; i < options.name_count; i++)
		if (!find_check(options.names[i]))
			quit(2, "there is no check '%s'; see: selfcheck list", options.names[i]);
	create_control();
	fflush(NULL);
	switch (fork()) {
	case -1:
		quit(2, "fork: %s", strerror(errno));
	case 0:
		supervise();
	}
	while (!control->supervisor || count(SLOT_PREPARING)) {
		if (clock_ns(CLOCK_MONOTONIC) > deadline)
			break;
		sleep_ms(5);
	}
	for (uint32_t i = 0; i < control->slots; i++) {
		struct slot *slot = &control->slot[i];
		uint32_t state = atomic_load(&slot->state);

		if (state == SLOT_READY)
			continue;
		printf("%s: %s\n", slot->name, state == SLOT_SKIPPED ? "skipped" : "not ready");
		print_message("  ", slot->message);
		result |= state != SLOT_SKIPPED;
	}
	printf("boot-id %s\n", control->boot_id);
	if (control->marker_at_start[0])
		printf("ram-marker %s\n", control->marker_at_start);
	printf("ready %u skipped %u of %u\n", count(SLOT_READY), count(SLOT_SKIPPED),
	       control->slots);
	return result;
}

static void print_ktap(void)
{
	printf("KTAP version 1\n1..%u\n", control->slots);
	for (uint32_t i = 0; i < control->slots; i++) {
		struct slot *slot = &control->slot[i];
		uint32_t state = atomic_load(&slot->state);

		if (state == SLOT_SKIPPED) {
			printf("ok %u %s # SKIP %s\n", i + 1, slot->name, slot->message);
			continue;
		}
		if (state != SLOT_PASSED && state != SLOT_FAILED)
			snprintf(slot->message, sizeof(slot->message), "no answer within %lld ms",
				 (long long)options.timeout_ms * control->patience);
		if (state != SLOT_PASSED)
			print_message("# ", slot->message);
		printf("%s %u %s\n", state == SLOT_PASSED ? "ok" : "not ok", i + 1, slot->name);
	}
	printf("# boot-id %s\n", control->boot_id);
	if (control->marker_at_verify[0])
		printf("# ram-marker %s\n", control->marker_at_verify);
	printf("# Totals: pass:%u fail:%u skip:%u\n", count(SLOT_PASSED),
	       control->slots - count(SLOT_PASSED) - count(SLOT_SKIPPED), count(SLOT_SKIPPED));
}

static int verify(void)
{
	int64_t deadline;
	int result;

	open_control();
	deadline = clock_ns(CLOCK_MONOTONIC) + options.timeout_ms * 1000000LL * control->patience;
	if (atomic_load(&control->go))
		quit(2, "verification is under way already");
	control->off_ms = options.off_ms;
	control->tolerance_ms = options.tolerance_ms;
	atomic_store(&control->go, 1);
	syscall(SYS_futex, &control->go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	while (count(SLOT_READY) + count(SLOT_PREPARING) && clock_ns(CLOCK_MONOTONIC) < deadline)
		sleep_ms(5);
	print_ktap();
	result = count(SLOT_PASSED) + count(SLOT_SKIPPED) == control->slots ? 0 : 1;
	end_all();
	return result;
}

static int sabotage(const char *name)
{
	open_control();
	for (uint32_t i = 0; i < control->slots; i++) {
		if (strcmp(control->slot[i].name, name))
			continue;
		if (atomic_load(&control->slot[i].state) != SLOT_READY)
			quit(2, "the check '%s' does not hold a state", name);
		atomic_store(&control->slot[i].sabotaged, 1);
		return 0;
	}
	quit(2, "no check '%s' is running", name);
}

static int list(void)
{
	for (struct check *check = checks; check; check = check->next)
		printf("%-22s %s\n", check->name, check->about);
	return 0;
}

static int64_t number(const char *option, const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = text ? strtoll(text, &end, 0) : 0;
	if (!text || end == text || *end || errno)
		quit(2, "%s needs a number", option);
	return value;
}

static uint32_t patience(const char *option, const char *text)
{
	int64_t times = number(option, text);

	if (times < 1 || times > PATIENCE_MAX)
		quit(2, "%s needs a number from 1 to %d", option, PATIENCE_MAX);
	return times;
}

static void parse(char **args)
{
	for (; *args && !strncmp(*args, "--", 2); args++) {
		const char *option = *args;

		if (!strcmp(option, "--busy")) {
			options.busy = true;
			continue;
		}
		if (!*++args)
			quit(2, "%s needs a value", option);
		if (!strcmp(option, "--seed"))
			options.seed = number(option, *args);
		else if (!strcmp(option, "--anon-mib"))
			options.anon_mib = number(option, *args);
		else if (!strcmp(option, "--off-ms"))
			options.off_ms = number(option, *args);
		else if (!strcmp(option, "--patience"))
			options.patience = patience(option, *args);
		else if (!strcmp(option, "--tolerance-ms"))
			options.tolerance_ms = number(option, *args);
		else if (!strcmp(option, "--timeout-ms"))
			options.timeout_ms = number(option, *args);
		else if (!strcmp(option, "--dir"))
			options.disk_dir = *args;
		else if (!strcmp(option, "--state"))
			options.state_dir = *args;
		else
			quit(2, "unknown option %s", option);
	}
	options.names = args;
	while (*args++)
		options.name_count++;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	parse(argc > 1 ? argv + 2 : argv + argc);
	if (!strcmp(verb, "list"))
		return list();
	if (!strcmp(verb, "start"))
		return start();
	if (!strcmp(verb, "verify") && !options.name_count)
		return verify();
	if (!strcmp(verb, "run")) {
		int result = start();

		return verify() || result;
	}
	if (!strcmp(verb, "sabotage") && options.name_count == 1)
		return sabotage(options.names[0]);
	if (!strcmp(verb, "stop")) {
		open_control();
		end_all();
		return 0;
	}
	usage(strcmp(verb, "--help") && strcmp(verb, "help") ? stderr : stdout);
	return strcmp(verb, "--help") && strcmp(verb, "help") ? 2 : 0;
}
