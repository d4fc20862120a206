// SPDX-License-Identifier: MIT
/** Statistics of samples. They assume no distribution: on a shared machine it is not normal. */
import { InputError } from '../../emulator/machine/errors.js';

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

/** A quotient of two rows of samples that were taken in turns. */
export interface Ratio {
  /** Of the medians. */
  readonly ofMedians: number;
  /** Least and greatest quotient of two samples of the same turn. */
  readonly min: number;
  readonly max: number;
}

/** @throws InputError when there is no sample. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new InputError('there is no median of no samples');
  const half = sorted.length / 2;
  const lower = sorted[Math.ceil(half) - 1] ?? min;
  const upper = sorted[Math.floor(half)] ?? max;
  return { median: (lower + upper) / 2, min, max, samples };
}

/**
 * The quotient of `one` and `other`.
 * @throws InputError when the rows are not equally long, or empty.
 */
export function ratio(one: readonly number[], other: readonly number[]): Ratio {
  if (one.length !== other.length) throw new InputError(`${one.length} samples cannot be paired with ${other.length}`);
  const turns = one.map((sample, turn) => sample / (other[turn] ?? NaN));
  const { min, max } = summarize(turns);
  return { ofMedians: summarize(one).median / summarize(other).median, min, max };
}
