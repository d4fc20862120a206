// SPDX-License-Identifier: MIT
/** Faults as plain data: where power is cut, which bit of RAM flips, which sector changes while the machine is off. */
import type { Action, Trigger } from '../machine/contract.js';
import { gpa, SECTOR_BYTES, sector, type Gpa, type Sector } from '../machine/units.js';

/** When a fault strikes. */
export type FaultTime =
  | { readonly marker: number; readonly nth: number }
  /** Instructions since power-on. */
  | { readonly instruction: number }
  /** The write number `write` (0-based, since power-on) of disk `disk`; `sectors` of it land, all when undefined. */
  | { readonly disk: number; readonly write: number; readonly sectors?: number };

export type Fault =
  | { readonly fault: 'cutPower'; readonly at: FaultTime }
  /** Turns over bits of a byte of RAM. `where` is a guest physical address, or a kernel symbol. */
  | {
      readonly fault: 'flipMemory';
      readonly at: { readonly marker: number; readonly nth: number };
      readonly where: number | string;
      readonly xor: number;
    }
  /** Turns over bits of the first byte of a sector while the machine is off. */
  | { readonly fault: 'alterSector'; readonly disk: number; readonly sector: number; readonly xor: number };

export interface ArmedFault {
  readonly when: Trigger;
  readonly then: Action;
}

/** The triggers that make a machine suffer `faults`; those that strike a powered-off disk are not among them. */
export function triggersOf(faults: readonly Fault[], addressOf: (symbol: string) => Gpa): readonly ArmedFault[] {
  return faults.flatMap((fault): readonly ArmedFault[] => {
    switch (fault.fault) {
      case 'cutPower':
        return [cut(fault.at)];
      case 'flipMemory': {
        const where = typeof fault.where === 'number' ? gpa(fault.where) : addressOf(fault.where);
        return [
          {
            when: { on: 'marker', kind: fault.at.marker, nth: fault.at.nth },
            then: { do: 'flip', gpa: where, xor: Uint8Array.of(fault.xor) },
          },
        ];
      }
      case 'alterSector':
        return [];
    }
  });
}

function cut(at: FaultTime): ArmedFault {
  if ('marker' in at) return { when: { on: 'marker', kind: at.marker, nth: at.nth }, then: { do: 'cutPower' } };
  if ('instruction' in at) return { when: { on: 'instruction', count: at.instruction }, then: { do: 'cutPower' } };
  const then: Action = at.sectors === undefined ? { do: 'cutPower' } : { do: 'cutPower', sectorsWritten: at.sectors };
  return { when: { on: 'write', disk: at.disk, index: at.write }, then };
}

/** The sectors to write on disk `disk` to alter it as `faults` say. `read` answers a sector as it stands. */
export function sectorEdits(
  faults: readonly Fault[],
  disk: number,
  read: (at: Sector) => Uint8Array,
): readonly { readonly sector: Sector; readonly bytes: Uint8Array }[] {
  return faults.flatMap((fault) => {
    if (fault.fault !== 'alterSector' || fault.disk !== disk) return [];
    const bytes = Uint8Array.from(read(sector(fault.sector)).subarray(0, SECTOR_BYTES));
    bytes[0] = (bytes[0] ?? 0) ^ fault.xor;
    return [{ sector: sector(fault.sector), bytes }];
  });
}
