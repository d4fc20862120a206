// SPDX-License-Identifier: MIT
/** The run that a tab has paused in, for the same tab when it is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';
import { keepAs, keptAs, type Of } from './kept.js';

export interface KeptRun {
  /** The part of the page's address behind the file: a link brings a session of its own. */
  readonly hash: string;
  /** Of the scenario. */
  readonly text: string;
  /** Where it has paused. */
  readonly at: Moment;
  /** If it has paused at an instant behind that. */
  readonly within?: {
    /** Number of a machine in the run, 1 for the first, and virtual time of it. */
    readonly inside: { readonly machine: number; readonly virtualMs: number };
    /** The place behind the instant: a run can go back only to what it has been through. */
    readonly next: Moment;
  };
}

/** Keeps a run in the place of what was kept before. */
export const keepRun = (run: KeptRun): void => keepAs(run);

/** The run that was kept on a page with this hash. */
export const keptRun = (hash: string): KeptRun | undefined => keptAs(hash, isKeptRun);

function isKeptRun(value: unknown): value is KeptRun {
  const { hash, text, at, within } = (value ?? {}) as Of<KeptRun>;
  return (
    typeof hash === 'string' && typeof text === 'string' && isMoment(at) && (within === undefined || isWithin(within))
  );
}

function isWithin(value: unknown): boolean {
  const { inside, next } = (value ?? {}) as Of<Within>;
  const { machine, virtualMs } = (inside ?? {}) as Of<Within['inside']>;
  return Number.isInteger(machine) && Number.isFinite(virtualMs) && isMoment(next);
}

function isMoment(value: unknown): boolean {
  const { step, part } = (value ?? {}) as Of<Moment>;
  return Number.isInteger(step) && Number.isInteger(part);
}

type Within = NonNullable<KeptRun['within']>;
