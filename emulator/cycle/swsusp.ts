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
import { pathOf, type SwapPlace } from './swap-place.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { refusedOrStopped } from './refused.js';
import { bootStopped, consoleTail, unexpectedStop } from './stop.js';

/** The result of a suspend that turned the machine off. */
export interface SuspendResult {
  /** The atomic copy. */
  readonly atCopy: RamAt;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
}

/**
 * The command line that suspends to disk and powers off. By default the kernel writes its image into the first active
 * swap area. So the command line first sets the area in which the next boot looks for the image, as distributions do.
 */
export function hibernation(swap: SwapPlace | undefined): string {
  return [
    // The offset first: writing the device makes the kernel look there for an image.
    ...(swap === undefined
      ? []
      : [`echo ${swap.headerPage} > /sys/power/resume_offset`, `echo ${pathOf(swap.device)} > /sys/power/resume`]),
    'echo shutdown > /sys/power/disk',
    // The program /bin/echo, because the echo of the shell reports every error as an I/O error.
    '/bin/echo disk > /sys/power/state',
  ].join(' && ');
}

function placeName({ device, headerPage }: SwapPlace): string {
  return headerPage === 0 ? device : `${device}, page ${headerPage}`;
}

/** What the kernel says in the live timeline of a snapshot, where its image would be lost. */
const LIVE_TIMELINE = 'Disks have substitutes since a snapshot';

/** What to do about a refusal, if more is known than that the console says why. */
function remedyFor(recorder: Recorder, swap: SwapPlace | undefined): string | undefined {
  if (consoleTail(recorder.seen().console).some((line) => line.includes(LIVE_TIMELINE)))
    return 'this is the live timeline of a snapshot that was taken before, which ends with power-off: suspend before that, or after `boot` or `resume`';
  if (swap === undefined) return undefined;
  return `the console says why; the image goes into ${swap.device}, which must be swap that is on (swapon), unless the step names another swap area or file: \`suspend: { method: swsusp, swap: /swapfile }\``;
}

/**
 * Suspends to disk and waits until the machine is off. `swap`: where the machine that will resume looks for the image.
 * `copyRam`: capture RAM at the atomic copy. `timeoutMs`: bound in virtual time, if the plan sets one.
 * @throws Refused when the kernel refuses, PowerCut when a planned cut comes before, GuestError when the machine does
 *   not power off.
 */
export async function suspendToDisk(
  recorder: Recorder,
  agent: Agent,
  swap: SwapPlace | undefined,
  copyRam: boolean,
  timeoutMs: number | undefined,
): Promise<SuspendResult> {
  recorder.arm(copyRamAt(stepBegin('copy'), copyRam));
  const end = await new Bound('suspend', recorder, timeoutMs).during((virtualMsMax) =>
    agent.exec(shell(hibernation(swap)), { virtualMsMax }),
  );
  if (end.ended !== 'halted') {
    throw refusedOrStopped(
      swap === undefined ? 'the kernel refused to suspend' : `the kernel refused to suspend to ${placeName(swap)}`,
      end,
      recorder,
      remedyFor(recorder, swap),
    );
  }
  return { atCopy: ramAt(stepBegin('copy'), recorder), job: end.job };
}

/**
 * Resumes a machine that holds before its first disk access from the image on its disks, until the restored tasks run.
 * Returns the marker at the first instruction of the restored kernel, with RAM if `copyRam`.
 * @throws PowerCut when a planned cut comes before, GuestError when it boots afresh or does not resume.
 */
export async function resumeFromDisk(
  recorder: Recorder,
  copyRam: boolean,
  { timeoutMs, signal }: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined },
): Promise<RamAt> {
  const bound = new Bound('resume', recorder, timeoutMs);
  const awaited = 'the suspended system to resume';
  const stopAt = (kind: number): ArmedTrigger => ({ when: { on: 'marker', kind }, then: { do: 'stop' } });
  recorder.arm(copyRamAt(stepEnd('restore'), copyRam));
  const runTo = (kinds: readonly number[]): Promise<RunReport> =>
    bound.during(async (virtualMsMax) => {
      const report = await recorder.machine.run({
        triggers: kinds.map(stopAt),
        virtualMsMax: virtualMsMax * (recorder.machine.patience ?? 1),
      });
      if (report.reason.why === 'timeout') throw unexpectedStop(awaited, report, recorder.seen(), signal);
      return report;
    });
  const jump = await runTo([stepEnd('restore'), USER_MARKERS.agentReady, USER_MARKERS.bootStopped]);
  if (jump.reason.why === 'trigger' && jump.reason.index === 2) throw bootStopped(awaited, recorder.seen());
  if (jump.reason.why === 'trigger' && jump.reason.index === 1) {
    throw new GuestError(`awaited ${awaited}, but the machine booted afresh: it found no image that it accepts`, {
      consoleTail: consoleTail(recorder.seen().console),
      remedy: 'the console says why the kernel did not accept the image',
    });
  }
  if (jump.reason.why !== 'trigger') throw unexpectedStop(awaited, jump, recorder.seen(), signal);
  const thaw = await runTo([stepEnd('thawTasks')]);
  if (thaw.reason.why !== 'trigger') throw unexpectedStop(awaited, thaw, recorder.seen(), signal);
  return ramAt(stepEnd('restore'), recorder);
}
