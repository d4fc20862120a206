// SPDX-License-Identifier: MIT
import type { Agent } from '../../agent/agent.js';
import { readSectors } from '../../disks/disk.js';
import { sectorEdits, triggersOf, type Fault } from '../../faults/fault.js';
import type { MarkerSeen } from '../../machine/contract.js';
import { GuestError } from '../../machine/errors.js';
import { stepBegin } from '../../machine/markers.js';
import { untilCut } from '../planned-cut.js';
import type { Proof, Refusal, SimpleStep } from '../plan.js';
import { writesBetween } from '../power.js';
import type { DiskState, SuspendEvidence } from '../proofs.js';
import type { Seen } from '../recorder.js';
import { Bound } from '../bound.js';
import { frozenInLiveTimeline } from '../frozen.js';
import { measuresInOneMachine } from '../measures.js';
import { judgeRefusal, Refused } from '../refused.js';
import { consoleTail } from '../stop.js';
import { swapOfCommandLine, swapPlaceOf, type SwapPlace } from '../swap-place.js';
import { suspendToDisk, type SuspendResult } from '../swsusp.js';
import {
  COW_VOLUME,
  frozenSince,
  type LiveDeps,
  snapshotAndCommit,
  snapshotAndPowerOff,
  snapshotAndRollBack,
  storesOf,
} from '../sys-snapshot.js';
import { checkBackground, collectInLiveTimeline, notesOf, restoreBackground } from './background.js';
import type { StepContext, Suspended } from './context.js';
import { expectFaultsApplied } from './faults.js';
import { layoutSent } from './layout.js';
import { keepCopied, pause } from './pause.js';
import { afterPowerCut, checkFilesystems } from './power.js';
import { continueRestored } from './resume.js';

type SuspendStep = Extract<SimpleStep, { do: 'suspend' }>;

/**
 * Suspends until the machine is off, has gone back to the snapshot or goes on without it, or until a planned power cut. `ahead`: the proofs
 * that a later step will make of it.
 */
export async function suspend(context: StepContext, step: SuspendStep, ahead: readonly Proof[]): Promise<void> {
  await checkBackground(context, 'before the suspend');
  if (step.refusal) return expectRefusal(context, step, step.refusal);
  const { deps, machines } = context;
  const { recorder, agent } = machines;
  const swap = await swapOf(context, step);
  const layout = context.restoredLayout ?? layoutSent(recorder);
  recorder.arm(triggersOf(step.faults, (symbol) => deps.proofs.addressOf(symbol, layout)));
  const begunMs = recorder.seen().virtualMs;
  const copyRam = ahead.some((proof) => proof === 'memory' || proof === 'image');
  if (step.then === 'rollback') return rollBack(context, step, { layout, begunMs, copyRam });
  if (step.then === 'commit') return commit(context, step, { layout, begunMs });
  machines.resumeFrom(step.swap === undefined ? undefined : swap);
  machines.expectResume();
  const end = await untilCut(() => suspendByMethod(context, step, swap, copyRam));
  const seen = recorder.seen();
  machines.powerOff();
  alterSectors(context, step.faults);
  machines.stayOff(step.offMs);
  context.offSinceStartMs += step.offMs;
  expectFaultsApplied(context, step.faults, recorder, end === 'powerCut', begunMs);
  if (end === 'powerCut') return checkFilesystems(context, 'powerOff');
  const { atCopy, job } = end;
  // The restored system continues at the copy, but the machine's clock ran until power-off.
  context.offSinceStartMs += Math.round(seen.virtualMs - atCopy.marker.virtualMs);
  context.suspendingSinceStartMs += atCopy.marker.virtualMs - begunMs;
  context.suspended = suspended(step, seen, { atCopy, job, agent, layout, swap, disks: machines.off.disks });
}

/** What the suspend of a machine has left, where `seen` ends with the live timeline. */
function suspended(
  step: SuspendStep,
  seen: Seen,
  {
    atCopy,
    job,
    agent,
    layout,
    swap,
    disks,
  }: SuspendResult & {
    readonly agent: Agent;
    readonly layout: MarkerSeen | undefined;
    readonly swap?: SwapPlace | undefined;
    readonly disks: readonly DiskState[];
  },
): Suspended {
  return {
    agent,
    job,
    seen,
    offMs: step.offMs,
    rolledBack: step.then === 'rollback',
    writesByResume: seen.writes.map(() => []),
    evidence: {
      ...writtenSince(step, seen, atCopy.marker.instruction),
      ...(swap && { swapHeaderPage: swap.headerPage }),
      ...(step.method === 'sys_snapshot' && step.store !== 'memory' && { cowStore: COW_VOLUME }),
      layout,
      atCopy: atCopy.ram,
      disks,
    },
  };
}

/** What a machine whose memory was copied at the instruction `copy` has written until `to`, and what it may write. */
const writtenSince = (
  step: SuspendStep,
  { markers, writes }: Seen,
  copy: number,
  to?: number,
): Pick<SuspendEvidence, 'method' | 'stores' | 'markers' | 'writesWhileFrozen' | 'writesSinceCopy'> => ({
  method: step.method,
  stores: step.method === 'swsusp' ? [] : storesOf(step),
  markers,
  writesWhileFrozen: writesBetween(writes, frozenSince(markers) ?? copy, copy),
  writesSinceCopy: writesBetween(writes, copy, to),
});

/** Takes a snapshot whose live timeline is given up. The machine goes on with the restored one. */
async function rollBack(
  context: StepContext,
  step: SuspendStep,
  {
    layout,
    begunMs,
    copyRam,
  }: { readonly layout: MarkerSeen | undefined; readonly begunMs: number; readonly copyRam: boolean },
): Promise<void> {
  const { machines } = context;
  const { recorder, agent } = machines;
  const end = await untilCut(async () => {
    const back = await snapshotAndRollBack(recorder, agent, step, copyRam, liveDepsOf(context, step));
    const { atCopy, restored } = back;
    context.offSinceStartMs += Math.round(restored.marker.virtualMs - atCopy.marker.virtualMs);
    context.suspendingSinceStartMs += atCopy.marker.virtualMs - begunMs;
    const left = suspended(step, recorder.seen(), { ...back, agent, layout, disks: machines.disksNow });
    return continueRestored(context, left, restored);
  });
  expectFaultsApplied(context, step.faults, recorder, end === 'powerCut', begunMs);
  if (end !== 'powerCut') return;
  context.resumed = undefined;
  await afterPowerCut(context);
}

/**
 * Takes a snapshot and makes its live timeline the only one. Until the commit begins, nothing may be written to the disks
 * outside the stores.
 */
async function commit(
  context: StepContext,
  step: SuspendStep,
  { layout, begunMs }: { readonly layout: MarkerSeen | undefined; readonly begunMs: number },
): Promise<void> {
  const { machines } = context;
  const { recorder } = machines;
  const programs = notesOf(context);
  const end = await untilCut(() => snapshotAndCommit(recorder, machines.agent, step, liveDepsOf(context, step)));
  context.resumed = undefined;
  await proveUntilCommit(context, step, layout);
  expectFaultsApplied(context, step.faults, recorder, end === 'powerCut', begunMs);
  if (end === 'powerCut') return afterPowerCut(context);
  const { atCopy, live } = end;
  context.suspendingSinceStartMs += atCopy.marker.virtualMs - begunMs;
  machines.goOnWith(live);
  context.copied = undefined;
  context.background = restoreBackground(live, programs);
  await checkBackground(context, 'by the time the live timeline was committed');
}

/** Nothing is proved of a live timeline whose power was cut before its commit began. */
async function proveUntilCommit(
  { deps, machines, evidence }: StepContext,
  step: SuspendStep,
  layout: MarkerSeen | undefined,
): Promise<void> {
  const seen = machines.recorder.seen();
  const { markers, writes } = seen;
  const copy = markers.findLast(({ kind }) => kind === stepBegin('copy'));
  const begun = markers.findLast(({ kind }) => kind === stepBegin('commit'));
  if (!copy || !begun || begun.instruction < copy.instruction) return;
  const disk = evidence.take(
    await deps.proofs.disk({
      ...writtenSince(step, seen, copy.instruction, begun.instruction),
      layout,
      atCopy: undefined,
      disks: machines.disksAt(begun.instruction),
      restored: undefined,
      writesByResume: writes.map(() => []),
      committed: true,
    }),
  );
  evidence.addCycle({
    method: step.method,
    offMs: 0,
    committed: true,
    frozen: frozenInLiveTimeline(markers),
    measures: measuresInOneMachine(markers),
    memory: undefined,
    image: undefined,
    disk,
  });
}

/**
 * Tries a suspend that the kernel must refuse. Later steps continue in this machine.
 * @throws GuestError when the kernel does suspend.
 */
async function expectRefusal(context: StepContext, step: SuspendStep, expected: Refusal): Promise<void> {
  const { deps, machines, evidence } = context;
  const { recorder } = machines;
  const layout = context.restoredLayout ?? layoutSent(recorder);
  recorder.arm(triggersOf(step.faults, (symbol) => deps.proofs.addressOf(symbol, layout)));
  const before = recorder.seen();
  const markersBefore = before.markers.length;
  try {
    await suspendByMethod(context, step, await swapOf(context, step), false);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { markers, console, virtualMs } = recorder.seen();
    // Tasks may have been frozen meanwhile.
    context.suspendingSinceStartMs += virtualMs - before.virtualMs;
    expectFaultsApplied(context, step.faults, recorder, false, before.virtualMs);
    const attempt = { markers: markers.slice(markersBefore), console: console.subarray(before.console.length) };
    evidence.addFindings(await judgeRefusal(error, attempt, expected, deps.matcher));
    return;
  }
  throw new GuestError(`the suspend should have been refused (/${expected.refused}/), but the machine suspended`, {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'leave out `expect` if the kernel may suspend here',
  });
}

/** Where stock hibernation is to save the image. */
async function swapOf({ deps, machines }: StepContext, step: SuspendStep): Promise<SwapPlace | undefined> {
  if (step.method !== 'swsusp') return undefined;
  if (step.swap === undefined) return swapOfCommandLine(deps.booter.config.cmdline);
  const { recorder, agent } = machines;
  return swapPlaceOf(step.swap, agent, recorder, new Bound('suspend', recorder, step.timeoutMs));
}

async function suspendByMethod(
  context: StepContext,
  step: SuspendStep,
  swap: SwapPlace | undefined,
  copyRam: boolean,
): Promise<SuspendResult> {
  const { recorder, agent } = context.machines;
  if (step.method === 'swsusp') return suspendToDisk(recorder, agent, swap, copyRam, step.timeoutMs);
  return snapshotAndPowerOff(recorder, agent, step, copyRam, liveDepsOf(context, step));
}

function liveDepsOf(context: StepContext, { timeoutMs }: SuspendStep): LiveDeps {
  const { deps, machines, evidence } = context;
  return {
    timeoutMs,
    signal: deps.booter.signal,
    matcher: deps.matcher,
    evidence,
    virtualMs: () => machines.virtualMs,
    pause: (next, part) => pause(context, next, { step: context.stepNumber, part }),
    onCopy: (ram) => keepCopied(context, ram),
    beforeEnd: (live) => collectInLiveTimeline(context, live),
  };
}

/** Applies the faults that alter sectors to the disks of a machine that is off. */
function alterSectors({ machines }: StepContext, faults: readonly Fault[]): void {
  machines.alterDisks((state, disk) => {
    const edits = sectorEdits(faults, disk, (at) => readSectors(state, at, 1));
    return { ...state, overlay: [...state.overlay, ...edits.map((edit) => ({ instruction: 0, ...edit }))] };
  });
}
