// SPDX-License-Identifier: MIT
/** What the consoles of two timelines have shown: the present one and the one before. */
import { concat } from '../../machine/bytes.js';
import type { MachineShown } from '../../cycle/machines.js';
import { trackBegins } from './views/timeline-model.js';

export interface Consoles {
  /** Takes what the present console shows. */
  readonly add: (bytes: Uint8Array) => void;
  /** Goes on with this timeline. Returns whether it is another one, whose console is still empty. */
  readonly turn: (timeline: string) => boolean;
  /** Forgets all. */
  readonly clear: () => void;
  /** The end of what the console of the timeline before has shown. Undefined before the second timeline. */
  readonly before: () => Uint8Array | undefined;
}

/** @param bytesMax how much is kept of each. */
export function createConsoles(bytesMax: number): Consoles {
  let timeline: string | undefined;
  let present: Uint8Array = new Uint8Array(0);
  let before: Uint8Array | undefined;
  return {
    add(bytes) {
      present = concat([present, bytes]).slice(-bytesMax);
    },
    turn(to) {
      if (to === timeline) return false;
      const isOther = timeline !== undefined;
      timeline = to;
      if (!isOther) return false;
      before = present;
      present = new Uint8Array(0);
      return true;
    },
    clear() {
      timeline = undefined;
      present = new Uint8Array(0);
      before = undefined;
    },
    before: () => before,
  };
}

/**
 * The timeline that a machine is in: another one as soon as it has gone back to a snapshot of its own. One that resumes from an
 * image is in the same from its power-on.
 * @param shown what the last machine has shown so far, if that is known.
 */
export function timelineIn(number: number, shown: MachineShown | undefined): string {
  const kinds = shown?.number === number ? trackBegins(shown).map(({ kind }) => kind) : [];
  return `${number}.${kinds.filter((kind, at) => kind === 'restored' && kinds.slice(0, at).includes('live')).length}`;
}
