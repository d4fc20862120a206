// SPDX-License-Identifier: GPL-2.0-only
/*
 * The proof that this was a resume and not a reboot: a random marker that is nowhere but in this
 * process's memory, and the kernel's id of this boot.
 */
#include "../check.h"

#include <stdio.h>
#include <sys/random.h>

#include "../control.h"

static uint8_t marker[16];
static char boot_id[64];

static void print_marker(char *to)
{
	for (size_t i = 0; i < sizeof(marker); i++)
		sprintf(to + 2 * i, "%02x", marker[i]);
}

static void prepare(void)
{
	if (must(getrandom(marker, sizeof(marker), 0)) != sizeof(marker))
		check_die("too little randomness");
	slurp("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	print_marker(control->marker_at_start);
}

static void corrupt(void)
{
	marker[7] ^= 1;
}

static void verify(void)
{
	char now[64];

	slurp("/proc/sys/kernel/random/boot_id", now, sizeof(now));
	check_that(!strcmp(now, boot_id), "this is boot %s, the check began in boot %s", now,
		   boot_id);
	print_marker(control->marker_at_verify);
	check_that(!strcmp(control->marker_at_start, control->marker_at_verify),
		   "the marker was %s and is %s", control->marker_at_start,
		   control->marker_at_verify);
}

CHECK(.name = "ram-marker", .about = "a marker in RAM and the boot id prove a resume",
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
