// SPDX-License-Identifier: MIT
/** Where a tab was, for the same tab when it is loaded again: one thing, the last. */
import { forgetText, keepText, keptText } from './kept-text.js';

const KEPT = ['sessionStorage', 'snapback.run'] as const;

/** The part of the page's address behind the file: a link brings a session of its own. */
interface Kept {
  readonly hash: string;
}

/** Where nothing can be kept, a page that is loaded again begins at the prompt. */
export const keepAs = <One extends Kept>(kept: One): void => keepText(...KEPT, JSON.stringify(kept));

export const forgetKept = (): void => forgetText(...KEPT);

/** What was kept on a page with this hash, if it is one of those. */
export function keptAs<One>(hash: string, isOne: (value: unknown) => value is One): One | undefined {
  try {
    const kept: unknown = JSON.parse(keptText(...KEPT) ?? 'null');
    return isOne(kept) && (kept as Of<Kept>).hash === hash ? kept : undefined;
  } catch {
    // It is damaged.
    return undefined;
  }
}

/** What is said to be one, and may be damaged. */
export type Of<T> = Partial<Record<keyof T, unknown>>;
