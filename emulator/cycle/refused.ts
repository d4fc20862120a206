// SPDX-License-Identifier: MIT
/** A suspend that the kernel refused. The machine continues without it. */
import type { JobResult } from '../agent/job.js';
import type { MarkerSeen } from '../machine/contract.js';
import { errnoIn, errnoName, errnoOf } from '../machine/errno.js';
import { GuestError, PowerCut } from '../machine/errors.js';
import { stepEnd } from '../machine/markers.js';
import { consoleLines } from '../console/lines.js';
import { outputLines, resultOf } from './commands.js';
import type { Finding } from './outcome.js';
import { matchesLine, type Matcher } from './pattern.js';
import type { Refusal } from './plan.js';
import type { Recorder } from './recorder.js';
import { consoleTail } from './stop.js';

/** The suspending command has ended, and the machine continues. */
export class Refused extends GuestError {
  /** What the command printed. */
  readonly said: readonly string[];
  /** Exit status of the command. */
  readonly commandStatus: number;
  constructor(what: string, end: JobResult, recorder: Recorder, remedy: string) {
    const said = outputLines(resultOf(end));
    super(what, { consoleTail: [...consoleTail(recorder.seen().console), ...said], remedy });
    this.said = said;
    this.commandStatus = resultOf(end).exitCode;
  }
}

/**
 * The error for a suspending command that ended without a suspend: {@link Refused} when the machine continues,
 * {@link PowerCut} after a power cut, otherwise an error that says how the machine stopped.
 */
export function refusedOrStopped(
  what: string,
  end: JobResult,
  recorder: Recorder,
  remedy = 'the console says why',
): GuestError {
  if (end.ended === 'powerCut')
    return new PowerCut('power was cut during the suspend', { consoleTail: consoleTail(recorder.seen().console) });
  if (end.ended !== 'reset' && end.ended !== 'halted') return new Refused(what, end, recorder, remedy);
  return new GuestError(
    end.ended === 'reset'
      ? 'the machine reset itself (reboot or triple fault) while it suspended'
      : 'the machine halted while it suspended',
    { consoleTail: consoleTail(recorder.seen().console), remedy: 'the console says why' },
  );
}

/** The evidence of the attempt. */
export interface Attempt {
  /** Markers since the attempt began. */
  readonly markers: readonly MarkerSeen[];
  /** Console output since then. */
  readonly console: Uint8Array;
}

/**
 * The error number of a refusal. It comes from the kernel's marker at the end of the call, or from the printed messages
 * if there is no such marker.
 */
function errnoAnswered(markers: readonly MarkerSeen[], said: readonly string[]): number | undefined {
  const call = markers.findLast(({ kind }) => kind === stepEnd('call'));
  // The kernel's error numbers are negative.
  return call ? -(call.word1 | 0) : said.map(errnoIn).find((errno) => errno !== undefined);
}

/** Compares a refusal with the expected one: the error number that the kernel returned, and the message. */
export async function judgeRefusal(
  refused: Refused,
  { markers, console }: Attempt,
  expected: Refusal,
  matcher: Matcher,
): Promise<readonly Finding[]> {
  if (refused.commandStatus === 0) {
    return [
      {
        kind: 'guest',
        what: 'the suspending command succeeded, but the machine was not suspended; a refusal was expected',
        details: refused.consoleTail,
      },
    ];
  }
  const wrong: string[] = [];
  if (expected.errno !== undefined) {
    const errno = errnoAnswered(markers, refused.said);
    if (errno === undefined) wrong.push(`with an unknown error number, not with ${expected.errno}`);
    else if (errno !== errnoOf(expected.errno)) wrong.push(`with ${errnoName(errno)}, not ${expected.errno}`);
  }
  // Programs print an error number after a prefix: `stderr: sh: write error: ...`.
  const lines = [...refused.said.map((line) => line.replace(/^stderr: /, '')), ...consoleLines(console)];
  if (!(await matchesLine(expected.refused, lines, 'the messages of the refusal', matcher)))
    wrong.push(`with no message that matches /${expected.refused}/`);
  return wrong.length === 0
    ? []
    : [{ kind: 'guest', what: `the suspend was refused ${wrong.join(', and ')}`, details: refused.consoleTail }];
}
