// SPDX-License-Identifier: MIT
/** Notices that the worker of the session tells nothing any more. It decides about nothing but what the page says. */
import type { Timers } from '../../../engines/v86/watchdog.js';

/** Real time in ms between two signs of life of the worker. */
export const ALIVE_EVERY_MS = 2000;
/** After so much time without one the page says so. Work that cannot be interrupted takes the worker some seconds. */
export const SILENT_MS = 30_000;

/** Real time in ms between two looks. */
const LOOK_EVERY_MS = 1000;
/** A look that is so much later was made by a page that did not run all of the time, and perhaps its worker did not, either. */
const LATE_MS = 500;

export interface Silence {
  /** The worker has told something. */
  readonly hear: () => void;
  readonly end: () => void;
}

export interface SilenceDeps {
  readonly timers: Pick<Timers, 'every'>;
  /** Real time in ms. */
  readonly now: () => number;
  /** Called when nothing was heard for {@link SILENT_MS}, and when something is heard again after that. */
  readonly onChange: (isSilent: boolean) => void;
}

/**
 * Begins to listen. Only time between two looks that were in time counts: a tab in the background and a host that sleeps look rarely,
 * and the worker may stand still as long.
 */
export function listen({ timers, now, onChange }: SilenceDeps): Silence {
  let silentMs = 0;
  let isSilent = false;
  let lookedMs = now();
  const change = (to: boolean): void => {
    if (to === isSilent) return;
    isSilent = to;
    onChange(to);
  };
  const end = timers.every(LOOK_EVERY_MS, () => {
    const passedMs = now() - lookedMs;
    lookedMs += passedMs;
    if (passedMs <= LOOK_EVERY_MS + LATE_MS) silentMs += passedMs;
    if (silentMs >= SILENT_MS) change(true);
  });
  return {
    hear() {
      silentMs = 0;
      change(false);
    },
    end,
  };
}
