// SPDX-License-Identifier: MIT
/** What the machines of a cell have shown, in few bytes: it goes into the result of the cell. */
import type { MachineShown, WriteShown } from '../cycle/machines.js';
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
