// SPDX-License-Identifier: MIT
import { GuestError, InputError } from '../../machine/errors.js';
import { frozenAcrossPowerOff, frozenInLiveTimeline } from '../frozen.js';
import { measuresAcrossPowerOff, measuresInOneMachine } from '../measures.js';
import type { CycleOutcome } from '../outcome.js';
import type { Proof, SimpleStep } from '../plan.js';
import { writesBetween } from '../power.js';
import type { Proven, ResumeEvidence } from '../proofs.js';
import type { Resumed, StepContext } from './context.js';

/** Compares the resumed or rolled-back system with the suspended one. If one proof fails with an error, the others are still made. */
export async function verify(context: StepContext, { proofs }: Extract<SimpleStep, { do: 'verify' }>): Promise<void> {
  if (!context.resumed) throw new InputError('there is no resumed system to verify');
  const { evidence: collected, resumed } = context;
  const { evidence, suspended, markers } = resumed;
  const { early = {} } = suspended;
  const use = context.deps.proofs;
  const prove = async <T>(proof: Proof, make: () => Promise<Proven<T>>): Promise<Proven<T> | undefined> =>
    proofs.includes(proof) ? provenBy(context, make) : undefined;
  let cycle: CycleOutcome = {
    method: evidence.method,
    offMs: suspended.offMs,
    ...(suspended.rolledBack && { rolledBack: true }),
    frozen:
      evidence.method === 'swsusp'
        ? frozenAcrossPowerOff(suspended.seen, { markers })
        : frozenInLiveTimeline(suspended.seen.markers),
    measures: suspended.rolledBack ? measuresInOneMachine(markers) : measuresAcrossPowerOff(suspended.seen, markers),
    memory: undefined,
    image: undefined,
    disk: undefined,
  };
  const take = <K extends 'memory' | 'image' | 'disk'>(
    part: K,
    proven: Proven<NonNullable<CycleOutcome[K]>> | undefined,
  ): void => {
    if (!proven) return;
    cycle = { ...cycle, [part]: collected.take(proven) };
    collected.tellCycle(cycle);
  };
  take('memory', await prove('memory', () => use.memory(evidence)));
  // A snapshot that was rolled back has left no image on a disk.
  if (!suspended.rolledBack) take('image', await prove('image', () => early.image ?? use.image(evidence)));
  take('disk', await prove('disk', () => use.disk({ ...evidence, ...writesSinceRestore(context, resumed) })));
  const filesystems = await prove(
    'filesystems',
    () => early.filesystems ?? use.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot'),
  );
  if (filesystems) collected.addFilesystems(filesystems);
  collected.addCycle(cycle);
  // Releases two copies of all RAM.
  context.resumed = undefined;
}

/** Nothing of a machine that did not come so far. */
const writesSinceRestore = (
  { machines }: StepContext,
  { sinceInstruction }: Resumed,
): Pick<ResumeEvidence, 'writesSinceRestore'> =>
  machines.isOn ? { writesSinceRestore: writesBetween(machines.recorder.seen().writes, sinceInstruction) } : {};

/**
 * The result of `make`. When it throws a `GuestError`, this is recorded as a finding, ends the scenario and gives
 * undefined.
 */
async function provenBy<T>(context: StepContext, make: () => Promise<Proven<T>>): Promise<Proven<T> | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    context.evidence.addError(error);
    context.over = true;
    return undefined;
  }
}
