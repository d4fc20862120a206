// SPDX-License-Identifier: GPL-2.0-only
/* `rollback`: gives the live timeline up, and the system goes on from the snapshot. */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../snapshot.h"
#include "complain.h"

static const char *remedy(int error)
{
	switch (error) {
	case ENOTTY: return "; boot a kernel that can go back";
	case EPERM: return "; be root";
	case EBUSY: return "; a task or a device could not be stopped, which the kernel's log names: end what it waits for, and try again";
	case EINTR: return ": a signal came before anything was done; try again";
	case EOPNOTSUPP: return "; this kernel cannot put high memory back: save the image, and resume from it";
	default: return "; save the image, and resume from it";
	}
}

int held_image(const char *command)
{
	const char *number = getenv(ENV_FD);

	return number ? atoi(number) : complain(command, ENV_FD " is not set; let snapctl take run this command");
}

void rollback_to(int image)
{
	/* Where it works, the system goes on elsewhere. */
	ioctl(image, SNAPSHOT_ROLLBACK);
	complain("rollback", "%s%s", strerror(errno), remedy(errno));
}

int rollback(void)
{
	int image = held_image("rollback");

	if (image >= 0)
		rollback_to(image);
	return FAILED;
}
