// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a live timeline ends in a storm: by going back to the snapshot, by a resume of its saved image, or by a commit. Otherwise it
 * goes on with its store.
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Both wait for others, who may hold them up. */
static bool is_clean(int error)
{
	return error == EBUSY || error == EINTR || error == EAGAIN;
}

bool came_back(void)
{
	char by[16] = "";
	int file = open("/sys/kernel/snapshot/came_back_by", O_RDONLY | O_CLOEXEC);

	if (file < 0 || read(file, by, sizeof(by) - 1) < 0)
		fail("came_back_by: %s", strerror(errno));
	if (file >= 0)
		close(file);
	note("came back by %s", by);
	return !strncmp(by, "rollback", strlen("rollback")) || !strncmp(by, "resume", strlen("resume"));
}

/* Returns when that has failed. What has been found in the live timeline must not be forgotten. */
static void go_back(int image)
{
	if (has_failed())
		return;
	note("going back");
	ioctl(image, SNAPSHOT_ROLLBACK);
	note("rollback: %s", strerror(errno));
	if (!is_clean(errno))
		fail("rollback: %s", strerror(errno));
}

/*
 * A signal that comes early cancels the commit, and one that comes later interrupts the waiting only. Whoever does not wait
 * on leaves the merge to itself.
 */
static int commit_by(int image, uint32_t flags)
{
	int error;

	do {
		error = ioctl(image, SNAPSHOT_COMMIT, &flags) ? errno : 0;
		note("commit: %s", error ? strerror(error) : "done");
	} while ((error == EINTR || error == ECANCELED) && chance(4));
	return error;
}

/* So that another boot could complete it, where that is possible. */
static void commit(int image)
{
	int error = commit_by(image, SNAPSHOT_COMMIT_IMAGES_GONE);

	if (error == EOPNOTSUPP)
		error = commit_by(image, SNAPSHOT_COMMIT_NO_RECOVERY | SNAPSHOT_COMMIT_IMAGES_GONE);
	if (error && error != ECANCELED && !is_clean(error))
		fail("commit: %s", strerror(error));
}

void end_by_chance(int image)
{
	switch (chance(4)) {
	case 0:
		go_back(image);
		break;
	case 1:
		commit(image);
		break;
	case 2:
		return resume_from(image);
	}
	if (close(image))
		fail("closing the image: %s", strerror(errno));
}
