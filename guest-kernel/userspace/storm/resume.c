// SPDX-License-Identifier: GPL-2.0-only
/* Saves the image of a snapshot to a disk, and resumes from it in the same boot, as from an image of hibernation. */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../lib/rig.h"

#define PLACE "/dev/sdb3"
/* What fits into one write without a page cache. */
#define PIECE_BYTES (1 << 20)
/* Before the image: of which snapshot it is. */
#define HEAD_BYTES 4096

/*
 * The rig is told whose image is about to be restored, because snapshots may have been taken since. Each is sent while no other
 * snapshot can be taken.
 */
#define MARKER_SAVED (RIG_MARKER_SCENARIO + 1)
#define MARKER_RESTORING (RIG_MARKER_SCENARIO + 2)

static void tell(uint32_t kind, uint32_t whose)
{
	if (!rig_ports_open())
		die("no access to the marker ports: %s", strerror(errno));
	rig_send(kind, whose, 0);
}

static unsigned char *piece_of_memory(void)
{
	static unsigned char *piece;

	if (!piece && posix_memalign((void **)&piece, HEAD_BYTES, PIECE_BYTES))
		die("no memory for a piece of an image");
	return piece;
}

/* Reads until the buffer is full or there is nothing more. */
static ssize_t read_full(int file, unsigned char *into, size_t wanted)
{
	size_t done = 0;

	while (done < wanted) {
		ssize_t got = read(file, into + done, wanted - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		done += got;
	}
	return done;
}

static bool write_full(int file, const unsigned char *from, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t put = write(file, from + done, bytes - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		done += put;
	}
	return true;
}

/* The whole image, after a head with the UUID of the snapshot. */
static bool save(int image, const struct snapshot_info *info)
{
	unsigned char *piece = piece_of_memory();
	int file = open(PLACE, O_WRONLY | O_DIRECT | O_CLOEXEC);
	bool done = false;
	ssize_t got;

	if (file < 0) {
		note("%s: %s", PLACE, strerror(errno));
		return false;
	}
	memset(piece, 0, HEAD_BYTES);
	memcpy(piece, info->uuid, sizeof(info->uuid));
	if (ioctl(image, SNAPSHOT_REWIND)) {
		fail("rewinding the image: %s", strerror(errno));
		goto out;
	}
	if (!write_full(file, piece, HEAD_BYTES)) {
		note("saving the image: %s", strerror(errno));
		goto out;
	}
	while ((got = read_full(image, piece, PIECE_BYTES)) > 0)
		if (!write_full(file, piece, got)) {
			note("saving the image: %s", strerror(errno));
			goto out;
		}
	if (got < 0)
		fail("reading the image to save it: %s", strerror(errno));
	done = !got;
out:
	close(file);
	return done;
}

/* Gives the image to the kernel, if it is still that of the snapshot. */
static bool load(int kernel, const struct snapshot_info *info)
{
	unsigned char *piece = piece_of_memory();
	int file = must(open(PLACE, O_RDONLY | O_DIRECT | O_CLOEXEC));
	uint64_t left = info->image_bytes;
	bool done = false;

	if (read_full(file, piece, HEAD_BYTES) != HEAD_BYTES) {
		fail("reading %s: %s", PLACE, strerror(errno));
		goto out;
	}
	if (memcmp(piece, info->uuid, sizeof(info->uuid))) {
		note("somebody has saved another image");
		goto out;
	}
	while (left) {
		size_t wanted = left < PIECE_BYTES ? left : PIECE_BYTES;

		if (read_full(file, piece, wanted) != (ssize_t)wanted) {
			fail("reading the saved image: %s", strerror(errno));
			goto out;
		}
		if (!write_full(kernel, piece, wanted)) {
			note("loading the image: %s", strerror(errno));
			if (errno != ENOMEM)
				fail("loading the image: %s", strerror(errno));
			goto out;
		}
		left -= wanted;
	}
	done = true;
out:
	close(file);
	return done;
}

static void restore(int kernel)
{
	uint32_t whose = getpid();

	if (ioctl(kernel, SNAPSHOT_FREEZE, 0)) {
		note("freezing for a resume: %s", strerror(errno));
		if (errno != EBUSY && errno != EINTR)
			fail("freezing for a resume: %s", strerror(errno));
		return;
	}
	/* What has been found in the live timeline must not be forgotten. */
	if (!has_failed()) {
		tell(MARKER_RESTORING, whose);
		ioctl(kernel, SNAPSHOT_ATOMIC_RESTORE, 0);
		note("resume: %s", strerror(errno));
		if (errno != EBUSY && errno != ENOMEM && errno != EINTR)
			fail("resume: %s", strerror(errno));
		tell(MARKER_RESTORING, 0);
	}
	ioctl(kernel, SNAPSHOT_UNFREEZE, 0);
}

void resume_from(int image)
{
	struct snapshot_info info;
	int kernel;

	if (!snapshot_info(image, &info))
		die("asking about the image: %s", strerror(errno));
	if (!save(image, &info)) {
		close(image);
		return;
	}
	tell(MARKER_SAVED, getpid());
	note("saved %llu bytes", (unsigned long long)info.image_bytes);
	if (close(image))
		fail("closing the image: %s", strerror(errno));
	kernel = open("/dev/snapshot", O_WRONLY | O_CLOEXEC);
	if (kernel < 0) {
		note("/dev/snapshot for a resume: %s", strerror(errno));
		if (errno != EBUSY && errno != EINTR && errno != ENOMEM)
			fail("/dev/snapshot for a resume: %s", strerror(errno));
		return;
	}
	if (load(kernel, &info))
		restore(kernel);
	close(kernel);
}
