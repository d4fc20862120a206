// SPDX-License-Identifier: MIT
/** Detects a worker that sends no sign of life. It only decides about giving up and never influences a machine. */

/** The host's timers. Real time. */
export interface Timers {
  /** Calls `act` every `ms` ms, until the returned function is called. */
  every(ms: number, act: () => void): () => void;
  /** Calls `act` once, after `ms` ms, unless the returned function is called before. */
  after(ms: number, act: () => void): () => void;
}

/** Number of checks within the bound. A process that was stopped and continues misses one check, not all of them. */
const LOOKS = 10;

/**
 * Calls `onSilence` once when `signs` (a count of signs of life) has stayed the same for `silenceMs` of real time. The
 * returned function ends the watch.
 */
export function watch(signs: () => number, silenceMs: number, timers: Timers, onSilence: () => void): () => void {
  let last = signs();
  let looks = 0;
  const stop = timers.every(silenceMs / LOOKS, () => {
    const now = signs();
    looks = now === last ? looks + 1 : 0;
    last = now;
    if (looks < LOOKS) return;
    stop();
    onSilence();
  });
  return stop;
}
