// SPDX-License-Identifier: MIT
/**
 * Faults as plain data: the point of a power cut, a bit flip in RAM, requests to a disk that fail, or a changed sector of a
 * disk while the machine is off.
 */
import type { Action, DiskFailure, SectorRange, Trigger } from '../machine/contract.js';
import { gpa, SECTOR_BYTES, sector, type Gpa, type Sector } from '../machine/units.js';

/** The time of a fault. */
export type FaultTime =
  | { readonly marker: number; readonly nth: number }
  /** Instructions since power-on. */
  | { readonly instruction: number }
  /**
   * Write number `write` (0-based, since power-on) of disk `disk`. `sectors` of it reach the disk; all when undefined.
   */
  | { readonly disk: number; readonly write: number; readonly sectors?: number }
  /** The `nth` write of the step to disk `disk` that reaches one of the sectors `to`. `sectors` as above. */
  | { readonly disk: number; readonly to: SectorRange; readonly nth: number; readonly sectors?: number };

export type Fault =
  | { readonly fault: 'cutPower'; readonly at: FaultTime }
  /** Flips bits of a byte of RAM. `where` is a guest physical address or a kernel symbol. */
  | {
      readonly fault: 'flipMemory';
      readonly at: { readonly marker: number; readonly nth: number };
      readonly where: number | string;
      readonly xor: number;
    }
  /**
   * Requests to disk `disk` fail: from a marker on, from write number `write` (0-based, since power-on) on, or from the
   * beginning of the step on.
   */
  | {
      readonly fault: 'failDisk';
      readonly at: { readonly marker: number; readonly nth: number } | { readonly write: number } | 'begin';
      readonly disk: number;
      readonly failure: DiskFailure;
    }
  /** Flips bits of the first byte of a sector while the machine is off. */
  | { readonly fault: 'alterSector'; readonly disk: number; readonly sector: number; readonly xor: number };

export interface ArmedFault {
  readonly when: Trigger;
  readonly then: Action;
}

/**
 * The triggers that inject `faults` into a machine. Faults of a powered-off disk have no trigger. `addressOf`: of a symbol in the
 * kernel that sends the marker of this kind.
 */
export function triggersOf(
  faults: readonly Fault[],
  addressOf: (symbol: string, marker: number) => Gpa,
): readonly ArmedFault[] {
  return faults.flatMap((fault): readonly ArmedFault[] => {
    switch (fault.fault) {
      case 'cutPower':
        return [cut(fault.at)];
      case 'flipMemory': {
        const where = typeof fault.where === 'number' ? gpa(fault.where) : addressOf(fault.where, fault.at.marker);
        return [
          {
            when: { on: 'marker', kind: fault.at.marker, nth: fault.at.nth },
            then: { do: 'flip', gpa: where, xor: Uint8Array.of(fault.xor) },
          },
        ];
      }
      case 'failDisk': {
        const { at, disk, failure } = fault;
        return [{ when: failsFrom(at, disk), then: { do: 'failDisk', disk, failure } }];
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
  if ('to' in at) return { when: { on: 'writeTo', disk: at.disk, sectors: at.to, nth: at.nth }, then };
  return { when: { on: 'write', disk: at.disk, index: at.write }, then };
}

function failsFrom(at: Extract<Fault, { fault: 'failDisk' }>['at'], disk: number): Trigger {
  // The first tick of the step, whatever has been executed by then.
  if (at === 'begin') return { on: 'instruction', count: 0 };
  return 'marker' in at ? { on: 'marker', kind: at.marker, nth: at.nth } : { on: 'write', disk, index: at.write };
}

/** The sectors to write to disk `disk` to inject `faults`. `read` returns the present contents of a sector. */
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
