// SPDX-License-Identifier: MIT
/** Lets a run go on part by part. */
import type { Moment, PausedAt } from '../../../cycle/steps/context.js';

export interface Stepper {
  /** To be called before each part, which begins when the promise resolves. Rejects when the run has to end. */
  readonly pause: (at: PausedAt) => Promise<void>;
  /** Likewise, for a pause within a part. `tell` is called when it has begun. */
  readonly stay: (tell: () => void) => Promise<void>;
  /** Whether there is a pause before this place. */
  readonly pausesAt: (at: Moment) => boolean;
  /** Ends the present pause, if there is one; `all`: from now on there is none. */
  readonly goOn: (all: boolean) => void;
  /** Ends the run at its present pause, for this reason, if there is one. */
  readonly stop: (reason: Error) => void;
}

export const isBefore = (one: Moment, two: Moment): boolean =>
  one.step < two.step || (one.step === two.step && one.part < two.part);

/**
 * `onPause` is called with what begins after the pause, `onEnd` when a pause ends.
 * @param from there is no pause before this place. `isBehind`: nor at this place.
 */
export function createStepper(
  onPause: (at: PausedAt) => void,
  onEnd: () => void,
  from?: Moment,
  isBehind = false,
): Stepper {
  let isOver = false;
  let waiting: { readonly resolve: () => void; readonly reject: (reason: Error) => void } | undefined;
  const pausesAt = (at: Moment): boolean => !isOver && !(from && (isBehind ? !isBefore(from, at) : isBefore(at, from)));
  const stay = (tell: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      tell();
    });
  return {
    pausesAt,
    pause: (at) => (pausesAt(at) ? stay(() => onPause(at)) : Promise.resolve()),
    stay,
    goOn(all) {
      isOver ||= all;
      const ended = waiting;
      if (!ended) return;
      waiting = undefined;
      onEnd();
      ended.resolve();
    },
    stop(reason) {
      const ended = waiting;
      waiting = undefined;
      ended?.reject(reason);
    },
  };
}
