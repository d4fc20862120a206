// SPDX-License-Identifier: GPL-2.0-only
#include "oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int oom_set_score(int score)
{
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC), result;

	if (file < 0)
		return -1;
	result = dprintf(file, "%d", score) < 0 ? -1 : 0;
	close(file);
	return result;
}
