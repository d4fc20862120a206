// SPDX-License-Identifier: MIT
/** Measures the speed of comparing two RAM captures, with the function that the memory proof uses. */
import { byteComparer } from '../../emulator/host/node/compare.js';
import { RigError } from '../../emulator/machine/errors.js';
import { PAGE_BYTES } from '../../emulator/machine/units.js';
import { differingFrames, wordComparer, type Comparer } from '../../emulator/verify/memory/compare.js';
import { inTurns } from './turns.js';

/** Captures in which this many pages differ, and where in them. */
export type Differences = 'none' | 'scattered' | 'everyPage';

const SCATTERED_PAGES = 1000;
const SEED = 1;

/** GB (10^9 bytes of one of the two captures) per second, for each comparer and kind of difference. */
export type MemoryDiffSamples = Record<
  Differences,
  { readonly memcmp: readonly number[]; readonly words: readonly number[] }
>;

/**
 * Compares `capture` with copies of it, `turns` times each.
 * @throws RigError when a comparison does not find exactly the altered pages: then its speed is meaningless.
 */
export async function measureMemoryDiff(capture: Uint8Array, turns: number): Promise<MemoryDiffSamples> {
  const selected = new Uint8Array(capture.length / PAGE_BYTES).fill(1);
  const measure = async (
    pages: readonly number[],
  ): Promise<{ readonly memcmp: readonly number[]; readonly words: readonly number[] }> => {
    const other = capture.slice();
    pages.forEach((page, index) => {
      // The last byte of a page in the worst case, otherwise any: a comparison that stops early has less to do.
      const at = (page + 1) * PAGE_BYTES - 1 - (pages.length === selected.length ? 0 : (index * 997) % PAGE_BYTES);
      other[at] = (other[at] ?? 0) ^ 0x5a;
    });
    const expected = pages.join();
    const once = (comparer: Comparer) => async (): Promise<number> => {
      await Promise.resolve();
      const startMs = performance.now();
      const found = differingFrames(capture, other, selected, comparer);
      const ms = performance.now() - startMs;
      if (found.join() !== expected)
        throw new RigError(`the comparison found ${found.length} differing pages where ${pages.length} differ`);
      return capture.length / 1e6 / ms;
    };
    const contenders = { memcmp: once(byteComparer), words: once(wordComparer) };
    await inTurns(contenders, 1);
    return inTurns(contenders, turns);
  };
  return {
    none: await measure([]),
    scattered: await measure(scatteredPages(selected.length, Math.min(SCATTERED_PAGES, selected.length), SEED)),
    everyPage: await measure(Array.from(selected, (_, page) => page)),
  };
}

/** `count` different pages of `pageCount`, ascending, always the same for a seed. */
export function scatteredPages(pageCount: number, count: number, seed: number): readonly number[] {
  const chosen = new Set<number>();
  let state = seed | 1;
  while (chosen.size < count) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    chosen.add((state >>> 0) % pageCount);
  }
  return [...chosen].sort((a, b) => a - b);
}
