// SPDX-License-Identifier: MIT
/**
 * Exit statuses of `snapback validate --bisect-exit`, for `git bisect run`. Git takes 1 to 127 for a bad commit, 125 for one to be
 * skipped, and ends the bisection at 128 and above. So whatever says nothing about the commit must be 128 or more.
 */
import { EXIT } from '../../emulator/machine/errors.js';
import type { ValidationVerdict } from '../../emulator/validate/validation.js';

/** tools/snapback.mjs looks for it, too. */
export const BISECT_OPTION = '--bisect-exit';

/** A kernel that does not build is neither good nor bad. */
const SKIP = 125;
/** Added to the exit status of a failure. */
const NOT_JUDGED = 200;
/** Git ends the bisection from here on. */
const ABORTS_FROM = 128;

/** The exit status for a failure whose own is `status`: unchanged without `--bisect-exit` in `args`. */
export function failureStatus(status: number, args: readonly string[]): number {
  return args.includes(BISECT_OPTION) && status < ABORTS_FROM ? NOT_JUDGED + status : status;
}

/** The exit status for a validation that has come to its end. */
export function verdictStatus(verdict: ValidationVerdict, forBisect: boolean): number {
  if (verdict === 'not broken') return EXIT.pass;
  if (!forBisect || verdict === 'broken') return EXIT.guestFailed;
  return verdict === 'does not build' ? SKIP : NOT_JUDGED + EXIT.rigFailed;
}
