// SPDX-License-Identifier: MIT
/** What remains after a machine is off: its disks, the time of day, and the totals of its runs. */
import type { DiskWrite } from '../machine/contract.js';
import { foldLog } from '../disks/fold.js';
import { concat } from '../machine/bytes.js';
import type { Span } from './frozen.js';
import type { Seen } from './recorder.js';
import type { DiskState } from './proofs.js';

export interface PoweredOff {
  readonly disks: readonly DiskState[];
  readonly wallClockMs: number;
  readonly total: Span;
  readonly console: Uint8Array;
}

export function neverPowered(bases: readonly Uint8Array[], wallClockMs: number): PoweredOff {
  return {
    disks: bases.map((base) => ({ base, overlay: [] })),
    wallClockMs,
    total: { virtualMs: 0, instructions: 0 },
    console: new Uint8Array(),
  };
}

/**
 * The state after a machine is turned off: `before`, updated by `seen`, which was recorded since its power-on. The log
 * of this machine is kept unchanged. Earlier writes are folded, so that their log does not grow with the number of
 * machines.
 */
export function afterPowerOff(before: PoweredOff, seen: Seen): PoweredOff {
  return {
    disks: before.disks.map(({ base, overlay }, disk) => ({
      base,
      overlay: [...foldLog(overlay), ...(seen.writes[disk] ?? [])],
    })),
    wallClockMs: before.wallClockMs + seen.virtualMs,
    total: {
      virtualMs: before.total.virtualMs + seen.virtualMs,
      instructions: before.total.instructions + seen.instructions,
    },
    console: concat([before.console, seen.console]),
  };
}

/** The writes per disk that completed at instruction `from` or later, up to and without `to`. */
export function writesBetween(
  writes: readonly (readonly DiskWrite[])[],
  from: number,
  to = Infinity,
): readonly (readonly DiskWrite[])[] {
  return writes.map((of) => of.filter(({ instruction }) => instruction >= from && instruction < to));
}
