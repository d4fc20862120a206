// SPDX-License-Identifier: MIT
/** Lets a run go on part by part. */

export interface Stepper {
  /** To be called before each part, which begins when the promise resolves. */
  readonly pause: (next: string) => Promise<void>;
  /** Ends the present pause, if there is one; `all`: from now on there is none. */
  readonly goOn: (all: boolean) => void;
}

/** `onPause` is called with what begins after the pause, `onEnd` when a pause ends. */
export function createStepper(onPause: (next: string) => void, onEnd: () => void): Stepper {
  let isOver = false;
  let end: (() => void) | undefined;
  return {
    pause: (next) => {
      if (isOver) return Promise.resolve();
      return new Promise((resolve) => {
        end = resolve;
        onPause(next);
      });
    },
    goOn(all) {
      isOver ||= all;
      const resolve = end;
      if (!resolve) return;
      end = undefined;
      onEnd();
      resolve();
    },
  };
}
