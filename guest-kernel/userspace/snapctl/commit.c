// SPDX-License-Identifier: GPL-2.0-only
/* `commit`: the live timeline becomes the only one. */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../snapshot.h"
#include "complain.h"

static const char *remedy(int error)
{
	switch (error) {
	case ENOTTY: return "; boot a kernel that can commit";
	case EPERM: return "; be root";
	case EEXIST: return ": its image has been read to the end, and a store in memory cannot tell the next boot that a saved image is stale; remove what has been saved of this snapshot, then give --images-removed";
	case EBUSY: return "; there is a younger snapshot: commit that first";
	case EINVAL: return "; this live timeline has ended already";
	case ECANCELED: return ": a signal came before anything was merged, and nothing has changed";
	case EINTR: return ": a signal came; the kernel goes on merging, and `snapctl commit` waits for it again";
	case EOPNOTSUPP: return ": a commit from this store cannot be completed when the power is lost meanwhile: it is in memory, a device is encrypted, is made of a file, or cannot be recognized, or there is an older snapshot below (the log of the kernel names it); give --no-recovery to accept that";
	default: return "; the live timeline goes on with its store: see what is wrong with the devices, and try again";
	}
}

int commit_to(int image, const struct commit_options *options)
{
	uint32_t flags = (options->no_recovery ? SNAPSHOT_COMMIT_NO_RECOVERY : 0) |
			 (options->images_gone ? SNAPSHOT_COMMIT_IMAGES_GONE : 0);

	return ioctl(image, SNAPSHOT_COMMIT, &flags) ? complain("commit", "%s%s", strerror(errno), remedy(errno)) : 0;
}

#define POLL_US 20000

/* Has the merge begun? From then on nothing stops it, and no image is of use. */
static bool is_merging(int image)
{
	struct snapshot_info info;

	return !ioctl(image, SNAPSHOT_GET_INFO, &info) && info.flags & SNAPSHOT_STORE_MERGING;
}

/* A child begins the merge. The kernel goes on with it when the child is killed. */
static int begin_commit(int image, const struct commit_options *options)
{
	pid_t child = fork();
	bool begun = false;
	int status;

	if (child < 0) {
		complain("commit", "fork: %s", strerror(errno));
		return FAILED;
	}
	if (!child)
		_exit(commit_to(image, options) ? FAILED : OK);
	while (!waitpid(child, &status, WNOHANG)) {
		if (!begun && is_merging(image)) {
			begun = true;
			kill(child, SIGTERM);
		}
		usleep(POLL_US);
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (begun)
		fputs("snapctl: merging has begun; `snapctl info` says how much of the store is left\n", stderr);
	else
		complain("commit", "its child was killed by signal %d before merging had begun; see the kernel's log", WTERMSIG(status));
	return begun ? OK : FAILED;
}

int commit(const struct commit_options *options)
{
	int image = held_image("commit");

	if (image < 0)
		return FAILED;
	if (options->no_wait)
		return begin_commit(image, options);
	return commit_to(image, options) ? FAILED : OK;
}
