// SPDX-License-Identifier: MIT
/** The places that a run has been at, so that it can go back there, and what its machines had shown by then. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { Moment, PausedAt } from '../../../cycle/steps/context.js';
import { RigError } from '../../../machine/errors.js';
import { endMs } from './elapsed.js';
import { isBefore } from './stepper.js';

/** A place, and when that is. */
export interface PlaceShown extends PausedAt {
  /** Virtual time since the first power-on, over all machines. */
  readonly atMs: number;
}

export interface Places {
  /** In their order. */
  readonly all: () => readonly PlaceShown[];
  /**
   * The run is there.
   * @throws RigError when it has been there before and its machines had shown something else.
   */
  readonly reach: (at: PausedAt, machines: readonly MachineShown[]) => Promise<void>;
  /** The scenario has changed: forgets what comes after `until`, and what cannot be compared any more, which begins at `compared`. */
  readonly forget: (until: Moment, compared: Moment) => void;
}

/** `hash`: as `MachinesDeps.hash`. */
export function createPlaces(hash: (parts: readonly Uint8Array[]) => Promise<string>): Places {
  let places: readonly { readonly at: PlaceShown; readonly shown: string | undefined }[] = [];
  return {
    all: () => places.map(({ at }) => at),
    async reach(reached, machines) {
      const at = { ...reached, atMs: endMs(machines) };
      const shown = await hash([new TextEncoder().encode(JSON.stringify(machines))]);
      const before = places.find((one) => isSame(one.at, at));
      if (before?.shown !== undefined && before.shown !== shown)
        throw new RigError(`the run is not the same as before: its machines differ before '${at.title}'`, {
          remedy: 'report this as a bug, with the scenario',
        });
      places = [...places.filter((one) => one !== before), { at, shown }].sort((a, b) =>
        isBefore(a.at, b.at) ? -1 : 1,
      );
    },
    forget(until, compared) {
      places = places
        .filter(({ at }) => !isBefore(until, at))
        .map((one) => (isBefore(one.at, compared) ? one : { ...one, shown: undefined }));
    },
  };
}

export const isSame = (one: Moment, two: Moment): boolean => !isBefore(one, two) && !isBefore(two, one);
