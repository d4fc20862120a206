// SPDX-License-Identifier: MIT
/** Finds the first patch of a list that breaks something, by halving. */

/** What the first patches of the list do together. A kernel that does not build is neither good nor bad. */
export type Judgement = 'good' | 'bad' | { readonly skip: string };

export interface Bisection {
  /** The indices of the patches one of which is the first bad one: a single one, unless those before it could not be judged. */
  readonly suspects: readonly number[];
  /** The patches with which nothing could be judged, in their order, and why. */
  readonly skipped: readonly { readonly index: number; readonly why: string }[];
}

/**
 * `judge(n)` judges the first `n` of `count` patches. None of them is good, and all of them are bad; neither is judged. What cannot be
 * judged is stepped over to the nearest that can.
 */
export async function bisect(count: number, judge: (first: number) => Promise<Judgement>): Promise<Bisection> {
  let [good, bad] = [0, count];
  const skipped = new Map<number, string>();
  for (;;) {
    const middle = (good + bad) / 2;
    const open = range(good + 1, bad - 1).filter((first) => !skipped.has(first));
    const [next] = open.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    if (next === undefined) break;
    const judgement = await judge(next);
    if (judgement === 'good') good = next;
    else if (judgement === 'bad') bad = next;
    else skipped.set(next, judgement.skip);
  }
  return {
    suspects: range(good + 1, bad).map((first) => first - 1),
    skipped: [...skipped].sort(([a], [b]) => a - b).map(([first, why]) => ({ index: first - 1, why })),
  };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
