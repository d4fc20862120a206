// SPDX-License-Identifier: MIT
/** Guests with a given amount of anonymous memory in one program. */
import type { CommandStep, Step, SuspendMethod } from '../../../emulator/cycle/plan.js';
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
