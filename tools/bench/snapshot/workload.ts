// SPDX-License-Identifier: MIT
/** Guests with a given amount of anonymous memory in one program. */
import type { CommandStep, Step, SuspendMethod } from '../../../emulator/cycle/plan.js';
import { MARKER_SCENARIO } from '../../../emulator/machine/markers.js';
import { TIMEOUT_MS } from '../workload.js';
import { HOLD_PATH } from './hold.js';

const command = (text: string): Step & CommandStep => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });

/** Prints the system's own files one after the other, more bytes than any guest has memory. */
const FILES =
  'for round in $(seq 99); do cat /usr/bin/* /usr/sbin/* /usr/lib/i386-linux-gnu/* || [ $? = 1 ] || break; done 2> /dev/null';

/** A command that keeps `mebibytes` MiB, filled with the contents of programs: neither zeros nor noise. */
export const keepFromFiles = (mebibytes: number): Step =>
  command(`{ ${FILES}; } | ${HOLD_PATH} keep ${mebibytes} input`);

/** A command that keeps this number of MiB, filled with a pattern. */
export const keep = (mebibytes: number): string => `${HOLD_PATH} keep ${mebibytes}`;

/**
 * Runs `keeping` so that its memory cannot go to swap. sys_snapshot does without swap; swsusp saves its image there,
 * so its memory is locked instead.
 */
export const keepShare = (method: SuspendMethod, keeping: string): Step =>
  command(method === 'swsusp' ? `${keeping} lock` : `swapoff -a && ${keeping}`);

/** A command that fails unless all kept memory is unchanged. */
export const CHECK_HELD: Step = command(`${HOLD_PATH} check`);

/** What a commit merges, and a plain copy copies. */
export const COMMIT_MIB = 16;
const FILE = '/root/committed';
/** A file of that size. */
export const WRITE_FILE: Step = command(`head -c ${COMMIT_MIB}M /dev/urandom > ${FILE} && sync`);
/** Writes all of it anew, in place. */
export const REWRITE_FILE: CommandStep = command(
  `dd if=/dev/urandom of=${FILE} bs=1M count=${COMMIT_MIB} iflag=fullblock conv=notrunc,fsync`,
);

/** The markers around the copy. */
export const COPY = { begin: MARKER_SCENARIO + 1, end: MARKER_SCENARIO + 2 } as const;
/** Copies as much from the device of the store to the file, past the page cache on both sides as a commit does. */
export const COPY_FILE: Step = command(
  `rig-marker 1 && dd if=/dev/sdb1 of=${FILE} bs=1M count=${COMMIT_MIB} iflag=direct oflag=direct conv=notrunc,fsync && rig-marker 2`,
);
