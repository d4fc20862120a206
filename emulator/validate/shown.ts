// SPDX-License-Identifier: MIT
/** What the machines of a cell have shown, in few bytes: it goes into the result of the cell. */
import type { MachineShown } from '../cycle/machines.js';
import type { WriteShown } from '../machine/contract.js';
import type { Filesystem } from '../verify/disk/partitions.js';

/** A disk before anything is written to it. `role` is absent for a volume that no cycle uses. */
export interface StoredDisk {
  readonly device: string;
  readonly sectors: number;
  readonly volumes: readonly {
    readonly device: string;
    readonly startSector: number;
    readonly sectors: number;
    readonly filesystem: Filesystem;
    readonly role?: 'origin' | 'COW store' | 'image store' | 'swap';
  }[];
}

export interface StoredMachine extends Pick<MachineShown, 'number' | 'startVirtualMs' | 'virtualMs' | 'instructions'> {
  /** Kind, instruction and virtual time of each. */
  readonly markers: readonly (readonly [number, number, number])[];
  /** Instruction, sector and number of sectors of each write to each disk. */
  readonly writes: readonly (readonly (readonly [number, number, number])[])[];
}

/** More copies than that are not kept: they would be most of a result. */
const COPIES_MAX = 4;

/** What each page was used for at a copy: a number of `PAGE_KINDS`, and how many pages in a row have it, by turns. */
export type StoredKinds = readonly number[];

/** The first copies of a run. */
export const storedCopies = (copies: readonly Uint8Array[]): readonly StoredKinds[] =>
  copies.slice(0, COPIES_MAX).map((kinds) => {
    const runs: number[] = [];
    for (let from = 0; from < kinds.length;) {
      let to = from + 1;
      while (to < kinds.length && kinds[to] === kinds[from]) to++;
      runs.push(kinds[from] ?? 0, to - from);
      from = to;
    }
    return runs;
  });

/** The number of each page. */
export function kindsOf(stored: StoredKinds): Uint8Array {
  const lengths = stored.filter((_, at) => at % 2 === 1);
  const kinds = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let from = 0;
  lengths.forEach((length, run) => {
    kinds.fill(stored[2 * run] ?? 0, from, from + length);
    from += length;
  });
  return kinds;
}

/** Writes that go on where the one before has ended are one, with its instruction, unless there was a marker between them. */
export const storedMachines = (machines: readonly MachineShown[]): readonly StoredMachine[] =>
  machines.map(({ number, startVirtualMs, virtualMs, instructions, markers, writes }) => ({
    number,
    startVirtualMs,
    virtualMs,
    instructions,
    markers: markers.map(({ kind, instruction, virtualMs }) => [kind, instruction, virtualMs] as const),
    writes: writes.map((ofDisk) =>
      joined(
        ofDisk,
        markers.map(({ instruction }) => instruction),
      ).map(({ instruction, sector, count }) => [instruction, sector, count] as const),
    ),
  }));

function joined(writes: readonly WriteShown[], markers: readonly number[]): readonly WriteShown[] {
  const all: WriteShown[] = [];
  let at = 0;
  for (const write of writes) {
    const before = at;
    while ((markers[at] ?? Infinity) <= write.instruction) at++;
    const last = all.at(-1);
    if (last && at === before && last.sector + last.count === write.sector)
      all[all.length - 1] = { ...last, count: last.count + write.count };
    else all.push(write);
  }
  return all;
}

/** As they were shown, but for the words of markers. */
export const machinesOf = (stored: readonly StoredMachine[]): readonly MachineShown[] =>
  stored.map(({ markers, writes, ...machine }) => ({
    ...machine,
    markers: markers.map(([kind, instruction, virtualMs]) => ({ kind, instruction, virtualMs, word0: 0, word1: 0 })),
    writes: writes.map((ofDisk) => ofDisk.map(([instruction, sector, count]) => ({ instruction, sector, count }))),
  }));
