// SPDX-License-Identifier: MIT
/**
 * Crash states: every content that a machine's disks could have had when power failed. Disks complete writes in order,
 * and without a volatile cache a state is a prefix of all writes in the order in which they completed, the last one
 * perhaps torn. No machine runs to enumerate them.
 */
import type { DiskConfig, DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES } from '../machine/units.js';
import { landed, type Prefix } from './disk.js';

/** Which torn writes to enumerate beside whole ones. */
export type Tears = 'none' | 'half' | 'everySector';

export interface CrashState {
  /** Writes completed, on all disks together. */
  readonly index: number;
  /** How far each disk's log has landed. */
  readonly disks: readonly Prefix[];
  /** Instruction at which power fails at the earliest; 0 before the first write. */
  readonly instruction: number;
}

/**
 * The crash states of a machine with these logs, in order, from nothing written to everything written.
 * Writes of two disks at one instruction keep the order of the disks.
 */
export function* crashStates(logs: readonly (readonly DiskWrite[])[], tears: Tears = 'none'): Generator<CrashState> {
  const order = logs
    .flatMap((log, disk) => log.map((write) => ({ disk, write })))
    .sort((a, b) => a.write.instruction - b.write.instruction || a.disk - b.disk);
  const done = logs.map(() => 0);
  const prefixes = (): Prefix[] => done.map((writes) => ({ writes }));
  let instruction = 0;
  for (const [index, { disk, write }] of order.entries()) {
    yield { index, disks: prefixes(), instruction };
    instruction = write.instruction;
    for (const tornSectors of tearsOf(write.bytes.length / SECTOR_BYTES, tears)) {
      yield {
        index,
        instruction,
        disks: prefixes().map((prefix, of) => (of === disk ? { ...prefix, tornSectors } : prefix)),
      };
    }
    done[disk] = (done[disk] ?? 0) + 1;
  }
  yield { index: order.length, disks: prefixes(), instruction };
}

/** The disks of a machine as they are in `state`: `disks` as they were at its power-on, under what landed of `logs`. */
export function disksAt(
  disks: readonly DiskConfig[],
  logs: readonly (readonly DiskWrite[])[],
  state: CrashState,
): DiskConfig[] {
  return disks.map((disk, number) => ({
    base: disk.base,
    overlay: [...(disk.overlay ?? []), ...landed(logs[number] ?? [], state.disks[number] ?? { writes: 0 })],
  }));
}

function tearsOf(sectors: number, tears: Tears): readonly number[] {
  if (sectors < 2 || tears === 'none') return [];
  if (tears === 'half') return [Math.floor(sectors / 2)];
  return Array.from({ length: sectors - 1 }, (_, at) => at + 1);
}
