// SPDX-License-Identifier: MIT
/** Virtual time of a machine: the host's, while the machine runs. */

export interface Clock {
  /** QEMU lets the machine run since this time of the host, in ms. */
  started(atMs: number): void;
  /** The machine stands since then. */
  stopped(atMs: number): void;
  readonly isRunning: boolean;
  /** Time for which the machine has run, up to its last stop. */
  readonly virtualMs: number;
}

/** `ranMs`: the time for which the machine has run before. */
export function createClock(ranMs = 0): Clock {
  let runsSinceMs: number | undefined;
  return {
    started: (atMs) => void (runsSinceMs = atMs),
    stopped(atMs) {
      // The host's clock may be set back meanwhile.
      ranMs += Math.max(0, atMs - (runsSinceMs ?? atMs));
      runsSinceMs = undefined;
    },
    get isRunning() {
      return runsSinceMs !== undefined;
    },
    get virtualMs() {
      return ranMs;
    },
  };
}
