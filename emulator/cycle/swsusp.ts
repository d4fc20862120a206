// SPDX-License-Identifier: MIT
/** The two halves of the kernel's own hibernation, each in a machine of its own. */
import type { Agent } from '../agent/agent.js';
import type { Job } from '../agent/job.js';
import { GuestError } from '../machine/errors.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../machine/markers.js';
import type { RunReport } from '../machine/contract.js';
import { Bound } from './bound.js';
import { shell } from './commands.js';
import { copyRamAt, ramAt, type RamAt } from './ram-at.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { refusedOrStopped } from './refused.js';
import { consoleTail, unexpectedStop } from './stop.js';

export interface WentOff {
  /** The atomic copy. */
  readonly atCopy: RamAt;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
}

/**
 * The swap area in which a machine that boots with these words looks for an image, as the initramfs reads them: the last
 * `resume=` counts. Undefined where there is none.
 */
export function resumeDevice(cmdline: string): string | undefined {
  const word = cmdline.split(/\s+/u).findLast((each) => each.startsWith('resume='));
  return word?.slice('resume='.length) || undefined;
}

/**
 * The command line that suspends to disk and powers off. The kernel writes its image into the first swap area that is on
 * unless it is told otherwise; so it is told first, as distributions do, in which area the next boot looks for it.
 */
export function hibernation(cmdline: string): string {
  const device = resumeDevice(cmdline);
  return [
    // The offset first: writing the device makes the kernel look there for an image.
    ...(device === undefined ? [] : ['echo 0 > /sys/power/resume_offset', `echo ${device} > /sys/power/resume`]),
    'echo shutdown > /sys/power/disk',
    // By a program: the shell's own echo calls every error one of I/O.
    '/bin/echo disk > /sys/power/state',
  ].join(' && ');
}

/**
 * Suspends to disk until the machine is off; 'powerCut' when a planned cut came before. `cmdline`: of this machine and of the one
 * that will resume. `copyRam`: whether RAM is wanted as it is at the atomic copy. `timeoutMs`: of virtual time, if the plan says.
 * @throws Refused when the kernel refuses, GuestError when the machine does not go off.
 */
export async function suspendToDisk(
  recorder: Recorder,
  agent: Agent,
  cmdline: string,
  copyRam: boolean,
  timeoutMs: number | undefined,
): Promise<WentOff | 'powerCut'> {
  recorder.arm(copyRamAt(stepBegin('copy'), copyRam));
  const end = await new Bound('suspend', recorder, timeoutMs).during((virtualMsMax) =>
    agent.exec(shell(hibernation(cmdline)), { virtualMsMax }),
  );
  if (end.ended === 'powerCut') return 'powerCut';
  if (end.ended !== 'halted') {
    const device = resumeDevice(cmdline);
    throw device === undefined
      ? refusedOrStopped('the kernel refused to suspend', end, recorder)
      : refusedOrStopped(
          `the kernel refused to suspend to ${device}`,
          end,
          recorder,
          `the console says why; ${device} must be swap that is on (swapon), or the command line must name another area (resume=)`,
        );
  }
  return { atCopy: ramAt(stepBegin('copy'), recorder), job: end.job };
}

/**
 * Lets a machine that holds before its first disk access come back from the image on its disks, until the
 * restored tasks run again. Answers the first instruction of the restored kernel, with RAM if `copyRam`; 'powerCut' as above.
 * @throws GuestError when it boots afresh or does not come back.
 */
export async function resumeFromDisk(
  recorder: Recorder,
  copyRam: boolean,
  { timeoutMs, signal }: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined },
): Promise<RamAt | 'powerCut'> {
  const bound = new Bound('resume', recorder, timeoutMs);
  const awaited = 'the suspended system to come back';
  const stopAt = (kind: number): ArmedTrigger => ({ when: { on: 'marker', kind }, then: { do: 'stop' } });
  recorder.arm(copyRamAt(stepEnd('restore'), copyRam));
  const runTo = (kinds: readonly number[]): Promise<RunReport> =>
    bound.during(async (virtualMsMax) => {
      const report = await recorder.machine.run({ triggers: kinds.map(stopAt), virtualMsMax });
      if (report.reason.why === 'timeout') throw unexpectedStop(awaited, report, recorder.seen(), signal);
      return report;
    });
  const jump = await runTo([stepEnd('restore'), USER_MARKERS.agentReady]);
  if (jump.reason.why === 'powerCut') return 'powerCut';
  if (jump.reason.why === 'trigger' && jump.reason.index === 1) {
    throw new GuestError(`awaited ${awaited}, but the machine booted afresh: it found no image that it would take`, {
      consoleTail: consoleTail(recorder.seen().console),
      remedy: 'the console says why the kernel did not take the image',
    });
  }
  if (jump.reason.why !== 'trigger') throw unexpectedStop(awaited, jump, recorder.seen(), signal);
  const thaw = await runTo([stepEnd('thawTasks')]);
  if (thaw.reason.why === 'powerCut') return 'powerCut';
  if (thaw.reason.why !== 'trigger') throw unexpectedStop(awaited, thaw, recorder.seen(), signal);
  return ramAt(stepEnd('restore'), recorder);
}
