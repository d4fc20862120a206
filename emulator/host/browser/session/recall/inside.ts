// SPDX-License-Identifier: MIT
/** Has a machine stand in the middle of what a run asks of it. */
import { stillArmed } from '../../../../cycle/recorder.js';
import { concat } from '../../../../machine/bytes.js';
import type { Asked, DiskWrite, Machine, RunReport } from '../../../../machine/contract.js';
import type { SoFar } from '../../../../machine/written.js';
import { SAME_END_MS } from './same-end.js';

/** An instant of a machine of a run. */
export interface Inside {
  /** Number of the machine in its run, 1 for the first. */
  readonly machine: number;
  /** Of that machine. */
  readonly virtualMs: number;
}

/** What a run has done up to where it stands. */
export interface RunSoFar extends SoFar {
  readonly console: Uint8Array;
}

/** Less than each tick takes, so that a run of this time is one tick. */
export const ONE_TICK_MS = 1e-6;

/**
 * Runs a machine as it was asked to, but not beyond the first tick boundary at or after a virtual time of it. Ticks do not depend on where
 * runs end, so the machine comes through the same states. It takes no captures, which change nothing. It runs for one tick at least.
 */
export async function runInto(
  machine: Pick<Machine, 'run'>,
  { send, deliver, triggers: all = [], ...rest }: Asked,
  virtualMs: number,
): Promise<RunSoFar> {
  const triggers = all.filter(({ then }) => then.do !== 'capture');
  // Where a machine stands is only known when it has run.
  const first = await machine.run({
    ...rest,
    ...(send && { send }),
    ...(deliver && { deliver }),
    triggers,
    virtualMsMax: ONE_TICK_MS,
  });
  const leftMs = virtualMs - SAME_END_MS - first.virtualMs;
  if (leftMs <= 0 || first.reason.why !== 'timeout') return first;
  const more = await machine.run({ ...rest, triggers: stillArmed(triggers, first), virtualMsMax: leftMs });
  return {
    console: concat([first.console, more.console]),
    markers: [...first.markers, ...more.markers],
    writes: joined(first, more),
    instructions: more.instructions,
    virtualMs: more.virtualMs,
  };
}

const joined = (one: RunReport, two: RunReport): readonly (readonly DiskWrite[])[] =>
  two.writes.map((of, disk) => [...(one.writes[disk] ?? []), ...of]);
