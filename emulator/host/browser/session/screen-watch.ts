// SPDX-License-Identifier: MIT
/** Tells the page what the screen of a machine shows that stands: now and then between two runs, or at a pause. */
import type { Machine } from '../../../machine/contract.js';
import type { Look } from './conversation.js';
import type { FromSession } from './protocol.js';

/** Real time between two readings, in ms. One takes far less than a millisecond of the machine's worker. */
const READ_EVERY_MS = 100;

type WithScreen = Pick<Machine, 'readScreen'>;

export interface ScreenWatch {
  /** The screen is wanted, or no longer. */
  readonly watch: (on: boolean) => void;
  /** For a machine that begins. The answer has to be called while it stands, and resolves when it may go on. */
  readonly of: (machine: WithScreen) => Look;
  /**
   * For a machine that stands, at its virtual time, until the answer is called. If its screen is wanted meanwhile, it is told at
   * once. The answer's promise resolves when the machine may go on.
   */
  readonly standing: (machine: WithScreen, virtualMs: number) => () => Promise<void>;
}

/** `now`: real time in ms. */
export function createScreenWatch(tell: (message: FromSession) => void, now: () => number): ScreenWatch {
  let isWatched = false;
  let tellStanding: (() => void) | undefined;
  const tellScreen = async (machine: WithScreen, virtualMs: number): Promise<void> => {
    if (isWatched) tell({ tell: 'screen', screen: { rows: await machine.readScreen?.(), virtualMs } });
  };
  return {
    watch(on) {
      isWatched = on;
      tell({ tell: 'watchingScreen', on });
      tellStanding?.();
    },
    of(machine) {
      let dueMs = 0;
      return async (virtualMs) => {
        if (isWatched && now() >= dueMs) {
          dueMs = now() + READ_EVERY_MS;
          await tellScreen(machine, virtualMs);
        }
        return isWatched ? dueMs : Infinity;
      };
    },
    standing(machine, virtualMs) {
      let told = Promise.resolve();
      tellStanding = () => {
        told = told.then(() => tellScreen(machine, virtualMs));
      };
      tellStanding();
      return () => {
        tellStanding = undefined;
        return told;
      };
    },
  };
}
