// SPDX-License-Identifier: MIT
/** Which triggers of a run are due at a write of the guest. All engines share the rules. */
import type { Action, Trigger } from '../machine/contract.js';
import { reaches } from '../machine/sector-range.js';
import type { Sector } from '../machine/units.js';

/** A write that is about to reach a disk. */
export interface ComingWrite {
  readonly disk: number;
  /** Since power-on. */
  readonly index: number;
  readonly at: Sector;
  readonly sectors: number;
}

/** The trigger's number in the request, and what it does. */
export type DueAction = readonly [index: number, action: Action];

/**
 * The actions that are due at a write. Those that count writes count it herewith, in `seen`, by the trigger's number. What
 * makes requests fail is not among them: it is due before it is known whether the write fails.
 */
export function dueAtWrite(
  triggers: readonly { readonly when: Trigger; readonly then: Action }[],
  seen: (number | undefined)[],
  write: ComingWrite,
): readonly DueAction[] {
  return triggers.flatMap(({ when, then }, number): readonly DueAction[] => {
    if (then.do === 'failDisk') return [];
    if (when.on === 'write') return when.disk === write.disk && when.index === write.index ? [[number, then]] : [];
    if (when.on !== 'writeTo' || when.disk !== write.disk || !reaches(when.sectors, write.at, write.sectors)) return [];
    const count = (seen[number] ?? 0) + 1;
    seen[number] = count;
    return count === (when.nth ?? 1) ? [[number, then]] : [];
  });
}

/** The number of sectors of a write that reach the disk when these actions are due: fewer than all means that power fails. */
export function sectorsLanding(due: readonly DueAction[], sectors: number): number {
  const cut = due.find(([, { do: what }]) => what === 'cutPower')?.[1];
  return cut?.do === 'cutPower' ? Math.min(cut.sectorsWritten ?? sectors, sectors) : sectors;
}
