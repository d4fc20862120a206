// SPDX-License-Identifier: MIT
/** Says what the tab is to keep of the machine at the console, so that a page that is loaded again comes back there. */
import type { SessionFile } from '../../../scenario/session-file.js';
import type { KeptMachine } from '../storage/kept-session.js';
import type { FromSession } from './protocol.js';

/** Real time between two reports in ms, unless the machine comes to stand or goes on. What is typed since the last one is not kept yet. */
const KEEP_EVERY_MS = 1000;
/** In characters. A browser has room for some millions in all, and whoever typed more does not want to wait for it. */
export const TEXT_MAX = 500_000;

/** Follows one machine. */
export interface Keeper {
  /** The machine has got or shown something. Without that, time that it has idled is not kept: nobody wants to wait for it again. */
  readonly change: () => void;
  /** To be called whenever the machine is between two stretches. */
  readonly move: (isStanding: boolean) => void;
}

/**
 * A machine at its prompt to which nothing was typed is not kept, unless it stands: a page has it anyway. `now`: real time in ms.
 * @returns makes what follows a machine. `read`: what was done with it up to here, without its state, which takes a while to hash.
 */
export function createKeeper(
  tell: (message: Extract<FromSession, { readonly tell: 'keep' }>) => void,
  now: () => number,
): (read: () => SessionFile | undefined) => Keeper {
  /** Of what the page keeps, there is something that was told here. */
  let isKept = false;
  const keep = (kept: KeptMachine | undefined): void => {
    if (!kept && !isKept) return;
    isKept = kept !== undefined;
    tell({ tell: 'keep', kept });
  };
  return (read) => {
    let wasStanding: boolean | undefined;
    let hasChanged = false;
    let dueMs = 0;
    let isTooLong = false;
    return {
      change() {
        hasChanged = true;
      },
      move(isStanding) {
        // It only gets longer.
        if (isTooLong) return;
        if (isStanding === wasStanding && !(hasChanged && now() >= dueMs)) return;
        [wasStanding, hasChanged, dueMs] = [isStanding, false, now() + KEEP_EVERY_MS];
        const session = read();
        const isNew = !session || (!isStanding && !session.within && session.typed?.length === 0);
        const text = isNew ? '' : JSON.stringify(session);
        isTooLong = text.length > TEXT_MAX;
        keep(isNew || isTooLong ? undefined : { session: text, isStanding });
      },
    };
  };
}
