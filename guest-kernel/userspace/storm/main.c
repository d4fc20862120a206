// SPDX-License-Identifier: GPL-2.0-only
/*
 * storm prepare              makes the devices that `run` plays with
 * storm run SEED [MS]        lets actors loose for MS (400) ms, then looks whether all is well
 * storm leaks [ROUNDS]       takes snapshots (50) in the live timeline, and counts pages
 * storm pages                prints how many pages are in use
 * storm descriptor [DEVICE]  reads the image in all ways, in one live timeline
 * storm alone PROCESSOR      writes to its memory on a processor that it has for itself, until it is killed
 * storm recent               takes a snapshot of pages that it has just touched, and goes back to it
 * storm parts                writes to large pages that are mapped page by page, until it is killed
 * storm memory SEED [N]      lets threads do everything to their memory while N snapshots are taken, or until SIGTERM
 */
#include "storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
	fputs("usage: storm prepare|run SEED [MS]|leaks [ROUNDS]|pages|descriptor [DEVICE]|memory SEED [N]|alone PROCESSOR|parts|recent\n",
	      stderr);
	return 2;
}

int main(int count, char **arguments)
{
	const char *command = count > 1 ? arguments[1] : "";
	const char *first = count > 2 ? arguments[2] : NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	report_open();
	if (!strcmp(command, "prepare"))
		return storm_prepare();
	if (!strcmp(command, "run") && first)
		return storm_run(strtoull(first, NULL, 10), count > 3 ? atoi(arguments[3]) : 400);
	if (!strcmp(command, "leaks"))
		return storm_leaks(first ? atoi(first) : 50);
	if (!strcmp(command, "pages"))
		return storm_pages();
	if (!strcmp(command, "descriptor"))
		return storm_descriptor(first ? first : "");
	if (!strcmp(command, "memory") && first)
		return storm_memory(strtoull(first, NULL, 10), count > 3 ? atoi(arguments[3]) : 0);
	if (!strcmp(command, "alone") && first)
		return storm_alone(atoi(first));
	if (!strcmp(command, "parts"))
		return storm_parts();
	if (!strcmp(command, "recent"))
		return storm_recent();
	return usage();
}
