// SPDX-License-Identifier: MIT
/** Notices a worker from which no sign of life comes. It decides only about giving up, never about what a machine does. */

/** The host's timers. Real time. */
export interface Timers {
  /** Calls `act` every so many ms; the answered function ends that. */
  every(ms: number, act: () => void): () => void;
  /** Calls `act` once, after so many ms, unless the answered function is called before. */
  after(ms: number, act: () => void): () => void;
}

/** Within the bound: a process that was stopped and goes on finds one look overdue, not all of them. */
const LOOKS = 10;

/**
 * Calls `onSilence` once when `signs` (a count of signs of life) has stayed the same for `silenceMs` of real time. The answered
 * function ends the watch.
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
