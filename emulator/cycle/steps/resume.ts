// SPDX-License-Identifier: MIT
import { triggersOf } from '../../faults/fault.js';
import { missedMistake } from '../../faults/mistake.js';
import { GuestError, InputError, PowerCut } from '../../machine/errors.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../../machine/markers.js';
import { outputLines, resultOf } from '../commands.js';
import { untilCut } from '../planned-cut.js';
import type { Proof, SimpleStep } from '../plan.js';
import { writesBetween } from '../power.js';
import type { SuspendEvidence } from '../proofs.js';
import type { RamAt } from '../ram-at.js';
import { consoleTail } from '../stop.js';
import { resumeFromDisk } from '../swsusp.js';
import type { EarlyProofs, StepContext, Suspended } from './context.js';
import { checkBackground, notesOf, restoreBackground } from './background.js';
import { recordFailure } from './failure.js';
import { expectFaultsApplied } from './faults.js';
import { layoutSent } from './layout.js';
import { afterPowerCut } from './power.js';

type ResumeStep = Extract<SimpleStep, { do: 'resume' }>;

/**
 * Resumes in a new machine until the system's agent answers, or until a planned power cut. `ahead`: the proofs that a
 * later step will make of it.
 */
export async function resume(context: StepContext, step: ResumeStep, ahead: readonly Proof[]): Promise<void> {
  if (!context.suspended) throw new InputError('there is no suspended system to resume');
  const { deps, machines } = context;
  const { suspended } = context;
  context.suspended = undefined;
  context.resumed = undefined;
  const recorder = await machines.powerOn('beforeDisk');
  // Before the capture, so that it includes the changes of RAM by faults.
  const booted = layoutSent(recorder);
  recorder.arm(
    triggersOf(step.faults, (symbol, marker) =>
      deps.proofs.addressOf(symbol, isOfLoader(marker) ? booted : suspended.evidence.layout),
    ),
  );
  const resuming = untilCut(() =>
    resumeFromDisk(recorder, ahead.includes('memory'), { timeoutMs: step.timeoutMs, signal: deps.booter.signal }),
  );
  // The machine runs in its worker, so proofs can run in parallel.
  const early = suspended.early ?? proveEarly(context, suspended.evidence, ahead);
  try {
    await finishResume(context, step, { ...suspended, early }, await resuming);
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    recordFailure(context, error);
    if (!context.resumed) await recordEarlyProofs(context, early);
  }
}

/** What the kernel that loads the image sends. Everything else in a resuming machine comes from the restored one. */
const LOADER_STEPS = ['imageRead', 'freezeFilesystems', 'freezeTasks', 'quiesce'] as const;
const LOADER_MARKERS: readonly number[] = [
  ...LOADER_STEPS.flatMap((step) => [stepBegin(step), stepEnd(step)]),
  stepBegin('restore'),
  USER_MARKERS.beforeDisk,
  USER_MARKERS.bootDecision,
];
const isOfLoader = (marker: number): boolean => LOADER_MARKERS.includes(marker);

async function finishResume(
  context: StepContext,
  step: ResumeStep,
  suspended: Suspended,
  restored: RamAt | 'powerCut',
): Promise<void> {
  const { recorder } = context.machines;
  if (restored === 'powerCut') {
    expectFaultsApplied(context, step.faults, recorder, true);
    return endCutResume(context, suspended);
  }
  context.offSinceStartMs += Math.round(restored.marker.virtualMs);
  const programs = notesOf(context);
  const answered = await continueRestored(context, suspended, restored);
  expectFaultsApplied(context, step.faults, recorder, answered === 'powerCut');
  if (answered === 'powerCut') {
    await endCutResume(context, suspended);
    // The next resume begins at the suspend again, where they had printed less.
    context.background = restoreBackground(suspended.agent, programs);
  }
}

/**
 * Goes on with a system that has just been restored, until its agent answers or a planned power cut comes. What is to
 * be verified of it is kept before it is asked anything.
 */
export async function continueRestored(
  context: StepContext,
  suspended: Suspended,
  restored: RamAt,
): Promise<'answered' | 'powerCut'> {
  const { plan, machines } = context;
  const seen = machines.recorder.seen();
  const markers = suspended.rolledBack ? seen.markers : [...suspended.seen.markers, ...seen.markers];
  const missed = missedMistake(markers, plan.machine.cmdline);
  if (missed !== undefined)
    throw new GuestError(missed, {
      consoleTail: consoleTail(suspended.seen.console),
      remedy: 'give the machine something that the mistake can damage',
    });
  context.restoredLayout = suspended.evidence.layout;
  if (context.copied) context.copied = { ...context.copied, isLive: false };
  context.resumed = {
    suspended,
    markers: seen.markers,
    sinceInstruction: restored.marker.instruction,
    evidence: {
      ...suspended.evidence,
      restored: restored.ram,
      ...(suspended.rolledBack && { rolledBack: true }),
      // The writes up to a rollback are those of the live timeline.
      writesByResume: suspended.rolledBack
        ? suspended.writesByResume
        : joined(suspended.writesByResume, writesBetween(seen.writes, 0, restored.marker.instruction)),
    },
  };
  return untilCut(async () => {
    await reconnectAndCheck(context, suspended);
    await checkBackground(context, 'by the time it was resumed');
    context.suspendingSinceStartMs += machines.recorder.seen().virtualMs - restored.marker.virtualMs;
    return 'answered' as const;
  });
}

/**
 * Checks that the restored system is the suspended one, and that its suspending command succeeded.
 * @throws PowerCut when a planned cut comes before that command's end.
 */
async function reconnectAndCheck({ machines, evidence }: StepContext, { agent, job }: Suspended): Promise<void> {
  const bootId = await machines.reconnect(agent);
  if (bootId !== machines.bootId)
    evidence.find('guest', 'the resumed system is another boot, not the suspended system', [
      `boot id ${machines.bootId ?? ''} before, ${bootId} after`,
    ]);
  const end = await agent.wait(job);
  if (end.ended === 'powerCut') throw new PowerCut('power was cut before the suspending command ended');
  const result = resultOf(end);
  if (result.exitCode !== 0)
    evidence.find(
      'guest',
      `the suspend ended with status ${result.exitCode} in the resumed system`,
      outputLines(result),
    );
}

/** Begins the proofs that need only the evidence of the suspend. */
function proveEarly({ deps, underWay }: StepContext, evidence: SuspendEvidence, proofs: readonly Proof[]): EarlyProofs {
  const begun = <T>(work: Promise<T>): Promise<T> => {
    underWay.push(work);
    // `verify` awaits it; a rejection before that must not end the process, and the step may never come.
    work.catch(() => undefined);
    return work;
  };
  return {
    // First, because other programs do most of its work.
    ...(proofs.includes('filesystems') && {
      filesystems: begun(deps.proofs.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot')),
    }),
    ...(proofs.includes('image') && { image: begun(deps.proofs.image(evidence)) }),
  };
}

/**
 * Records the findings of the early proofs when the resume failed. A damaged image is often the cause, and no `verify`
 * will follow that could report it.
 * @throws the error of a proof that could not be made, after the findings of the other one have been recorded.
 */
async function recordEarlyProofs({ evidence }: StepContext, { filesystems, image }: EarlyProofs): Promise<void> {
  const [checked, proven] = await Promise.allSettled([filesystems, image]);
  if (checked.status === 'fulfilled' && checked.value) evidence.addFilesystems(checked.value);
  if (proven.status === 'fulfilled' && proven.value) evidence.take(proven.value);
  const errors = [checked, proven].flatMap((result): readonly unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  for (const error of errors) if (error instanceof GuestError) evidence.addError(error);
  // A fault of the rig is no loss of the guest, so the run has no verdict.
  const other = errors.find((error) => !(error instanceof GuestError));
  if (other !== undefined) throw other;
}

/** Ends a machine whose power was cut before the resume was complete. The image may still be on the disk. */
async function endCutResume(context: StepContext, suspended: Suspended): Promise<void> {
  const { writes, virtualMs } = context.machines.recorder.seen();
  await afterPowerCut(context);
  context.offSinceStartMs += Math.round(virtualMs);
  context.suspended = { ...suspended, writesByResume: joined(suspended.writesByResume, writes) };
}

/** For each disk, the writes of `first`, then those of `then`. */
const joined = (
  first: SuspendEvidence['writesSinceCopy'],
  then: SuspendEvidence['writesSinceCopy'],
): SuspendEvidence['writesSinceCopy'] => then.map((writes, disk) => [...(first[disk] ?? []), ...writes]);
