// SPDX-License-Identifier: MIT
/** Guests with a given amount of anonymous memory in one program. */
import type { CommandStep, Step, SuspendMethod } from '../../../emulator/cycle/plan.js';
import { TIMEOUT_MS } from '../workload.js';
import { HOLD_PATH } from './hold.js';

const command = (text: string): Step & CommandStep => ({ do: 'run', command: text, exit: 0, timeoutMs: TIMEOUT_MS });

/** More of the system's own files than any guest has memory, one after the other. */
const FILES =
  'for round in $(seq 99); do cat /usr/bin/* /usr/sbin/* /usr/lib/i386-linux-gnu/* || [ $? = 1 ] || break; done 2> /dev/null';

/** So many MiB, filled with what programs are made of: neither empty nor noise. */
export const keepFromFiles = (mebibytes: number): Step =>
  command(`{ ${FILES}; } | ${HOLD_PATH} keep ${mebibytes} input`);

/** A command that keeps so many MiB, filled with a pattern. */
export const keep = (mebibytes: number): string => `${HOLD_PATH} keep ${mebibytes}`;

/**
 * Runs `keeping` so that its memory cannot go to swap. sys_snapshot does without swap; swsusp saves its image there,
 * so its memory is locked instead.
 */
export const keepShare = (method: SuspendMethod, keeping: string): Step =>
  command(method === 'swsusp' ? `${keeping} lock` : `swapoff -a && ${keeping}`);

/** Fails unless all that is kept is what it was. */
export const CHECK_HELD: Step = command(`${HOLD_PATH} check`);
