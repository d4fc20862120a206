// SPDX-License-Identifier: GPL-2.0-only
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "system.h"

static void path_of(const struct policy *policy, char path[SYSTEM_PATH_MAX])
{
	snprintf(path, SYSTEM_PATH_MAX, "/sys/kernel/snapshot/%s", policy->name);
}

static bool set(const struct policy *policy, const char *choice)
{
	char path[SYSTEM_PATH_MAX], full[SYSTEM_PATH_MAX];
	ssize_t length = strlen(choice);
	bool done;
	int file;

	path_of(policy, path);
	system_path(full, "%s", path);
	file = open(full, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	done = write(file, choice, length) == length;
	close(file);
	return done;
}

/* The choice in brackets. False when there is none. */
static bool current(const struct policy *policy, char choice[POLICY_CHOICE_MAX])
{
	char path[SYSTEM_PATH_MAX], line[256], *begin, *end;

	path_of(policy, path);
	if (!system_line(path, line, sizeof(line)))
		return false;
	begin = strchr(line, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!end)
		return false;
	*end = 0;
	return (size_t)snprintf(choice, POLICY_CHOICE_MAX, "%s", begin + 1) < POLICY_CHOICE_MAX;
}

static void interrupt(int number)
{
	(void)number;
}

/* Has somebody else decided about them? Then it stays like that. */
static void handle_signals(void (*from)(int), void (*to)(int))
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = to }, now;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!sigaction(numbers[i], NULL, &now) && now.sa_handler == from)
			sigaction(numbers[i], &action, NULL);
}

int policy_begin(struct policy *policy)
{
	char before[POLICY_CHOICE_MAX];

	if (!policy->wanted)
		return 0;
	if (!current(policy, before))
		return complain(policy->name, "this kernel has no such policy (/sys/kernel/snapshot/%s)", policy->name);
	if (!strcmp(before, policy->wanted))
		return 0;
	/* A process that they ended could put nothing back. */
	handle_signals(SIG_DFL, interrupt);
	if (!set(policy, policy->wanted))
		return complain(policy->name, "cannot be set to %s: %s", policy->wanted, strerror(errno));
	strcpy(policy->before, before);
	return 0;
}

void policy_end(struct policy *policy)
{
	if (*policy->before && !set(policy, policy->before))
		complain(policy->name, "could not be put back to %s: %s", policy->before, strerror(errno));
	*policy->before = 0;
	handle_signals(interrupt, SIG_DFL);
}
