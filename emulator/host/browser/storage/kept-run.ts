// SPDX-License-Identifier: MIT
/** The run that a tab has paused in, for the same tab when it is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';
import { forgetText, keepText, keptText } from './kept-text.js';

export interface KeptRun {
  /** The part of the page's address behind the file: a link brings a session of its own. */
  readonly hash: string;
  /** Of the scenario. */
  readonly text: string;
  /** Where it has paused. */
  readonly at: Moment;
}

/** Of the tab. */
const KEPT = ['sessionStorage', 'snapback.run'] as const;

/** Keeps a run in the place of the one before. Where nothing can be kept, a page that is loaded again begins at the prompt. */
export const keepRun = (run: KeptRun): void => keepText(...KEPT, JSON.stringify(run));

export const forgetRun = (): void => forgetText(...KEPT);

/** The run that was kept on a page with this hash. */
export function keptRun(hash: string): KeptRun | undefined {
  try {
    const kept: unknown = JSON.parse(keptText(...KEPT) ?? 'null');
    return isKeptRun(kept) && kept.hash === hash ? kept : undefined;
  } catch {
    // It is damaged.
    return undefined;
  }
}

function isKeptRun(value: unknown): value is KeptRun {
  const { hash, text, at } = (value ?? {}) as Partial<Record<keyof KeptRun, unknown>>;
  const { step, part } = (at ?? {}) as Partial<Record<keyof Moment, unknown>>;
  return typeof hash === 'string' && typeof text === 'string' && Number.isInteger(step) && Number.isInteger(part);
}
