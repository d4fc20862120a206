// SPDX-License-Identifier: GPL-2.0-only
#include "mounted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "fingerprint.h"
#include "place.h"

/* A folder to mount at. In memory if possible: the root filesystem of a live timeline may be full. */
static bool make_folder(struct mounted *mounted)
{
	static const char * const patterns[] = { "/run/snapctl-XXXXXX", "/snapctl-XXXXXX" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		strcpy(mounted->folder, patterns[i]);
		if (mkdtemp(mounted->folder))
			return true;
	}
	mounted->folder[0] = 0;
	return false;
}

static int mount_device(const char *device, struct mounted *mounted)
{
	struct snap_filesystem found;
	struct place place;
	struct stat status;
	const char *type = NULL;

	if (stat(device, &status)) {
		complain(device, "%s; attach the device of the image", strerror(errno));
		return UNREACHABLE;
	}
	if (!S_ISBLK(status.st_mode) || !place_find(status.st_rdev, &place))
		return complain(device, "is not a device that can hold an image");
	if (fingerprint(&place, SNAP_PART, &found)) {
		complain(device, "cannot be read: %s", strerror(errno));
		return UNREACHABLE;
	}
	type = fingerprint_mount_type(found.kind);
	if (!type)
		return complain(device, "holds no filesystem that an image could be on (but: %s)", found.kind);
	if (!make_folder(mounted))
		return complain("/", "cannot make a folder to mount %s at: %s", device, strerror(errno));
	if (!mount(device, mounted->folder, type, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
		   NULL))
		return 0;
	complain(device, "cannot be mounted as %s: %s", type, strerror(errno));
	rmdir(mounted->folder);
	mounted->folder[0] = 0;
	return UNREACHABLE;
}

bool mounted_is_needed(const char *name, char *device, size_t size)
{
	const char *colon = strchr(name, ':');

	if (!colon || !access(name, F_OK))
		return false;
	snprintf(device, size, "%.*s", (int)(colon - name), name);
	return true;
}

int mounted_find(const char *name, struct mounted *mounted, const char **path)
{
	char device[256];
	int result;

	mounted->folder[0] = 0;
	*path = name;
	if (!mounted_is_needed(name, device, sizeof(device)))
		return 0;
	result = mount_device(device, mounted);
	if (result)
		return result;
	snprintf(mounted->path, sizeof(mounted->path), "%s/%s", mounted->folder, strchr(name, ':') + 1);
	*path = mounted->path;
	return 0;
}

int mounted_release(struct mounted *mounted)
{
	if (!mounted->folder[0])
		return 0;
	if (umount(mounted->folder))
		return complain(mounted->folder, "cannot be unmounted: %s", strerror(errno));
	rmdir(mounted->folder);
	mounted->folder[0] = 0;
	return 0;
}
