// SPDX-License-Identifier: MIT
/** The two halves of the kernel's own hibernation, each in a machine of its own, with RAM captured where they meet. */
import type { Agent } from '../agent/agent.js';
import type { Job } from '../agent/job.js';
import type { Capture, MarkerSeen } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../machine/markers.js';
import { outputLines, resultOf, shell } from './commands.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { consoleTail, unexpectedStop } from './stop.js';

/** Virtual time within which each half must come to its end. */
const HALF_MS_MAX = 60_000;

/** RAM, and the marker at which it was copied. */
export type RamAt = Capture & { readonly marker: MarkerSeen };

export interface WentOff {
  /** RAM at the atomic copy. */
  readonly atCopy: RamAt;
  /** The command that suspended; it ends in the resumed system. */
  readonly job: Job;
}

/**
 * Suspends to disk until the machine is off; 'powerCut' when a planned cut came before.
 * @throws GuestError when the kernel refuses.
 */
export async function suspendToDisk(recorder: Recorder, agent: Agent): Promise<WentOff | 'powerCut'> {
  recorder.arm([{ when: { on: 'marker', kind: stepBegin('copy') }, then: { do: 'capture', label: 'atCopy' } }]);
  const end = await agent.exec(shell('echo shutdown > /sys/power/disk && echo disk > /sys/power/state'), { virtualMsMax: HALF_MS_MAX });
  const [atCopy] = recorder.takeCaptures();
  if (end.ended === 'powerCut') return 'powerCut';
  if (end.ended !== 'halted') {
    throw new GuestError('the kernel refused to suspend', {
      consoleTail: [...outputLines(resultOf(end)), ...consoleTail(recorder.seen().console)],
      remedy: 'the console says why',
    });
  }
  return { atCopy: marked(atCopy, recorder), job: end.job };
}

/**
 * Lets a machine that holds before its first disk access come back from the image on its disks, until the
 * restored tasks run again. Answers RAM at the first instruction of the restored kernel; 'powerCut' as above.
 * @throws GuestError when it boots afresh or does not come back.
 */
export async function resumeFromDisk(recorder: Recorder, signal: AbortSignal | undefined): Promise<RamAt | 'powerCut'> {
  const awaited = 'the suspended system to come back';
  const stopAt = (kind: number): ArmedTrigger => ({ when: { on: 'marker', kind }, then: { do: 'stop' } });
  recorder.arm([{ when: { on: 'marker', kind: stepEnd('restore') }, then: { do: 'capture', label: 'restored' } }]);
  const jump = await recorder.machine.run({ triggers: [stopAt(stepEnd('restore')), stopAt(USER_MARKERS.agentReady)], virtualMsMax: HALF_MS_MAX });
  if (jump.reason.why === 'powerCut') return 'powerCut';
  if (jump.reason.why === 'trigger' && jump.reason.index === 1) {
    throw new GuestError(`awaited ${awaited}, but the machine booted afresh: it found no image that it would take`, {
      consoleTail: consoleTail(recorder.seen().console),
      remedy: 'the console says why the kernel did not take the image',
    });
  }
  if (jump.reason.why !== 'trigger') throw unexpectedStop(awaited, jump, recorder.seen(), signal);
  const thaw = await recorder.machine.run({ triggers: [stopAt(stepEnd('thawTasks'))], virtualMsMax: HALF_MS_MAX });
  if (thaw.reason.why === 'powerCut') return 'powerCut';
  if (thaw.reason.why !== 'trigger') throw unexpectedStop(awaited, thaw, recorder.seen(), signal);
  return marked(recorder.takeCaptures()[0], recorder);
}

/** A capture made at a marker, with it. Throws GuestError when there was no marker. */
export function marked(capture: Capture | undefined, recorder: Recorder): RamAt {
  if (capture?.marker) return { ...capture, marker: capture.marker };
  throw new GuestError('the kernel passed the atomic copy, or came back from it, without its marker', {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'run a guest kernel that was built with the rig\'s markers',
  });
}
