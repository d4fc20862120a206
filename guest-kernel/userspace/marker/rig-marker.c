// SPDX-License-Identifier: GPL-2.0-only
/* rig-marker N [WORD0 [WORD1]]: tells the rig that a scenario has come to point N. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/rig.h"

static bool number(const char *text, unsigned long max, uint32_t *value)
{
	char *end;
	unsigned long parsed;

	errno = 0;
	parsed = strtoul(text, &end, 0);
	if (end == text || *end || *text == '-' || errno || parsed > max) {
		rig_say("'%s' is not a number from 0 to %lu", text, max);
		return false;
	}
	*value = parsed;
	return true;
}

int main(int argc, char **argv)
{
	uint32_t index, word0 = 0, word1 = 0;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: rig-marker N [WORD0 [WORD1]]   (N from 0 to 4095)\n");
		return 2;
	}
	if (!number(argv[1], 0xfff, &index) || (argc > 2 && !number(argv[2], UINT32_MAX, &word0)) ||
	    (argc > 3 && !number(argv[3], UINT32_MAX, &word1)))
		return 2;
	if (!rig_ports_open()) {
		rig_say("no access to the marker ports: %s", strerror(errno));
		return 1;
	}
	rig_send(RIG_MARKER_SCENARIO + index, word0, word1);
	return 0;
}
