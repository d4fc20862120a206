// SPDX-License-Identifier: MIT
/** The run that a tab has paused in, for the same tab when it is loaded again. */
import type { Moment } from '../../../cycle/steps/context.js';

export interface KeptRun {
  /** The part of the page's address behind the file: a link brings a session of its own. */
  readonly hash: string;
  /** Of the scenario. */
  readonly text: string;
  /** Where it has paused. */
  readonly at: Moment;
}

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}
/** That of the tab. Reading it throws where the user lets pages keep nothing. */
const storage = (): Storage => (globalThis as unknown as { readonly sessionStorage: Storage }).sessionStorage;

const KEY = 'snapback.run';

/** Keeps a run in the place of the one before. Where nothing can be kept, a page that is loaded again begins at the prompt. */
export function keepRun(run: KeptRun): void {
  try {
    storage().setItem(KEY, JSON.stringify(run));
  } catch {
    // See above.
  }
}

export function forgetRun(): void {
  try {
    storage().removeItem(KEY);
  } catch {
    // There is none.
  }
}

/** The run that was kept on a page with this hash. */
export function keptRun(hash: string): KeptRun | undefined {
  try {
    const kept: unknown = JSON.parse(storage().getItem(KEY) ?? 'null');
    return isKeptRun(kept) && kept.hash === hash ? kept : undefined;
  } catch {
    return undefined;
  }
}

function isKeptRun(value: unknown): value is KeptRun {
  const { hash, text, at } = (value ?? {}) as Partial<Record<keyof KeptRun, unknown>>;
  const { step, part } = (at ?? {}) as Partial<Record<keyof Moment, unknown>>;
  return typeof hash === 'string' && typeof text === 'string' && Number.isInteger(step) && Number.isInteger(part);
}
