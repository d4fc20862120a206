// SPDX-License-Identifier: MIT
/**
 * What happens to the writes of the guest: how much of each lands, and when the guest learns of it. A write with a
 * trigger is held until the machine stands and the trigger has been dealt with.
 */
import type { DiskEvents } from '../../disks/guest-disk.js';
import type { Action, DiskFailure } from '../../machine/contract.js';
import type { Flushes } from './flushes.js';
import { dueAtWrite, sectorsLanding, type DueAction } from '../write-triggers.js';
import type { MachineState } from './run.js';

/** A write that has reached the disk and of which the guest must not learn before the machine stands. */
export interface HeldWrite {
  readonly actions: readonly (readonly [index: number, action: Action])[];
  /** Lets the guest learn of it. */
  release(): void;
}

export interface Writes {
  /** What becomes of a write: resolves when the guest may learn of it. What becomes of a flush: it counts if it may. */
  eventsOf(disk: number): DiskEvents<Promise<void>> & { mayFlush(): boolean };
  readonly areHeld: boolean;
  /** Those that are held, oldest first. They are the caller's from now on. */
  take(): readonly HeldWrite[];
}

/** `onHeld` is called when a write is held, `onFailure` when a disk is to fail. */
export function createWrites(
  state: MachineState,
  flushes: Pick<Flushes, 'isOwn'>,
  onHeld: () => void,
  onFailure: (disk: number, failure: DiskFailure) => void,
): Writes {
  let held: HeldWrite[] = [];
  /** At the write that is under way: nothing of a write is asynchronous before it is held. */
  let due: readonly DueAction[] = [];
  return {
    eventsOf: (disk) => ({
      beforeWrite(index) {
        for (const { when, then } of state.run?.request.triggers ?? [])
          if (when.on === 'write' && when.disk === disk && when.index === index && then.do === 'failDisk')
            onFailure(then.disk, then.failure);
      },
      sectorsAllowed(index, sectors, at) {
        due = [];
        if (state.isPoweredOff) return 0;
        due = dueAtWrite(state.run?.request.triggers ?? [], state.run?.seen ?? [], { disk, index, at, sectors });
        return sectorsLanding(due, sectors);
      },
      written(_, sector, bytes) {
        // Its power is off, so it learns nothing any more.
        if (state.isPoweredOff) return new Promise(() => undefined);
        if (bytes.length > 0) state.run?.writes[disk]?.push({ instruction: ++state.events, sector, bytes });
        const actions = due;
        if (actions.length === 0) return Promise.resolve();
        if (actions.some(([, action]) => action.do === 'cutPower')) state.isPoweredOff = true;
        return new Promise((release) => {
          held.push({ actions, release });
          onHeld();
        });
      },
      mayFlush: () => !flushes.isOwn(disk) && !state.isPoweredOff,
      flushed: () => void state.run?.flushes[disk]?.push(++state.events),
    }),
    get areHeld() {
      return held.length > 0;
    },
    take() {
      const taken = held;
      held = [];
      return taken;
    },
  };
}
