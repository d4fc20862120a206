// SPDX-License-Identifier: MIT
import { triggersOf } from '../../faults/fault.js';
import { missedMistake } from '../../faults/mistake.js';
import { GuestError, InputError } from '../../machine/errors.js';
import { outputLines, resultOf } from '../commands.js';
import type { Proof, SimpleStep } from '../plan.js';
import { writesBetween } from '../power.js';
import type { SuspendEvidence } from '../proofs.js';
import type { RamAt } from '../ram-at.js';
import { consoleTail } from '../stop.js';
import { resumeFromDisk } from '../swsusp.js';
import type { EarlyProofs, StepContext, Suspended } from './context.js';
import { lookAtBackground } from './background.js';
import { takeFailure } from './failure.js';
import { expectStruck } from './faults.js';
import { cutPower } from './power.js';

type ResumeStep = Extract<SimpleStep, { do: 'resume' }>;

/**
 * Resumes in a new machine until the system's agent answers, or until a planned power cut. `ahead`: what a step to come will
 * prove of it.
 */
export async function resume(context: StepContext, step: ResumeStep, ahead: readonly Proof[]): Promise<void> {
  if (!context.suspended) throw new InputError('nothing is suspended that could be resumed');
  const { deps, machines } = context;
  const { suspended } = context;
  context.suspended = undefined;
  context.resumed = undefined;
  const recorder = await machines.powerOn('beforeDisk');
  // Before the capture, so that what a fault does to RAM is in it.
  recorder.arm(triggersOf(step.faults, deps.proofs.addressOf));
  const resuming = resumeFromDisk(recorder, ahead.includes('memory'), {
    timeoutMs: step.timeoutMs,
    signal: deps.booter.signal,
  });
  // The machine runs in its worker: there is time meanwhile.
  const early = suspended.early ?? proveEarly(context, suspended.evidence, ahead);
  try {
    await comeBack(context, step, { ...suspended, early }, await resuming);
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    takeFailure(context, error);
    if (!context.resumed) await keepEarly(context, early);
  }
}

async function comeBack(
  context: StepContext,
  step: ResumeStep,
  suspended: Suspended,
  restored: RamAt | 'powerCut',
): Promise<void> {
  const { plan, machines } = context;
  const { recorder } = machines;
  expectStruck(step.faults, recorder, restored === 'powerCut');
  if (restored === 'powerCut') return loseResume(context, suspended);
  context.offSinceStartMs += Math.round(restored.marker.virtualMs);
  const seen = recorder.seen();
  const missed = missedMistake([...suspended.seen.markers, ...seen.markers], plan.machine.cmdline);
  if (missed !== undefined)
    throw new GuestError(missed, {
      consoleTail: consoleTail(suspended.seen.console),
      remedy: 'give the machine something that the mistake can spoil',
    });
  context.resumed = {
    suspended,
    markers: seen.markers,
    evidence: {
      ...suspended.evidence,
      restored: restored.memory,
      writesByResume: joined(suspended.writesByResume, writesBetween(seen.writes, 0, restored.marker.instruction)),
    },
  };
  await meetAgain(context, suspended);
  await lookAtBackground(context, 'by the time it was resumed');
  context.suspendingSinceStartMs += recorder.seen().virtualMs - restored.marker.virtualMs;
}

/** The restored system is the suspended one, and knows how the command ended that suspended it. */
async function meetAgain({ machines, evidence }: StepContext, { agent, job }: Suspended): Promise<void> {
  const bootId = await machines.reconnect(agent);
  if (bootId !== machines.bootId)
    evidence.find('guest', 'what came back is another boot, not the suspended system', [
      `boot id ${machines.bootId ?? ''} before, ${bootId} after`,
    ]);
  const result = resultOf(await agent.wait(job));
  if (result.exitCode !== 0)
    evidence.find(
      'guest',
      `the suspend ended with status ${result.exitCode} in the resumed system`,
      outputLines(result),
    );
}

/** Begins the proofs that need no more than the suspend. */
function proveEarly({ deps, underWay }: StepContext, evidence: SuspendEvidence, proofs: readonly Proof[]): EarlyProofs {
  const begun = <T>(work: Promise<T>): Promise<T> => {
    underWay.push(work);
    // `verify` awaits it; a rejection before that must not end the process, and the step may never come.
    work.catch(() => undefined);
    return work;
  };
  return {
    // First, since other programs do most of it.
    ...(proofs.includes('filesystems') && {
      filesystems: begun(deps.proofs.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot')),
    }),
    ...(proofs.includes('image') && { image: begun(deps.proofs.image(evidence)) }),
  };
}

/**
 * Keeps what the early proofs find of a suspend that nothing comes back from. An image that is damaged is often the cause of
 * that, and no `verify` will tell of it.
 */
async function keepEarly({ evidence }: StepContext, { filesystems, image }: EarlyProofs): Promise<void> {
  // An image that is not there at all is an error of the rig for a proof. Here that is known by the failed resume.
  const [checked, proven] = await Promise.allSettled([filesystems, image]);
  if (checked.status === 'fulfilled' && checked.value) evidence.addFilesystems(checked.value);
  if (proven.status === 'fulfilled' && proven.value) evidence.take(proven.value);
  for (const result of [checked, proven])
    if (result.status === 'rejected' && result.reason instanceof GuestError) evidence.addError(result.reason);
}

/** Power is gone before the suspended system was back; its image may still be there. */
async function loseResume(context: StepContext, suspended: Suspended): Promise<void> {
  const { writes, virtualMs } = context.machines.recorder.seen();
  await cutPower(context);
  context.offSinceStartMs += Math.round(virtualMs);
  context.suspended = { ...suspended, writesByResume: joined(suspended.writesByResume, writes) };
}

/** Of each disk the one writes, then the others. */
const joined = (
  first: SuspendEvidence['writesSinceCopy'],
  then: SuspendEvidence['writesSinceCopy'],
): SuspendEvidence['writesSinceCopy'] => then.map((writes, disk) => [...(first[disk] ?? []), ...writes]);
