// SPDX-License-Identifier: GPL-2.0-only
/* `take`: calls snapshot(2), and runs a command in the live timeline. */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"

static void run(char **command, const struct live *live)
{
	offer_image(live);
	execvp(command[0], command);
	complain(command[0], "cannot be run: %s", strerror(errno));
	_exit(127);
}

/* As a shell does: what the terminal sends is for the command. */
static int await(pid_t child)
{
	int status;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Where the store is full or a disk gone, no program can be read from a disk any more. So this one is in memory as a
 * whole from the beginning.
 */
static int await_or_roll_back(pid_t child, int image)
{
	int status;

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		complain("memory", "%s; a rollback may fail when the disk of this program cannot be read", strerror(errno));
	status = await(child);
	if (status) {
		complain("take", "the command failed with status %d; rolling back", status);
		rollback_to(image);
	}
	return status;
}

int take(const struct take_options *options, char **command)
{
	enum taken taken;
	struct live live;
	pid_t child;

	taken = take_snapshot(&options->call, &live);
	if (taken != LIVE)
		return taken == NOT_TAKEN ? FAILED : OK;
	child = fork();
	if (child < 0) {
		complain("fork", "%s", strerror(errno));
		return FAILED;
	}
	if (!child)
		run(command, &live);
	if (options->failure_rolls_back)
		return await_or_roll_back(child, live.image);
	/* The command alone decides how long the image is held. */
	close(live.image);
	return await(child);
}
