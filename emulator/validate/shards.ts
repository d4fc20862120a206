// SPDX-License-Identifier: MIT
/** The cells of a matrix in parts of about equal cost, each of which another machine can run. */
import type { Cell } from './cell.js';
import { costOf } from './cost.js';

/** The `index`-th of `count` parts, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export const SHARDS_MAX = 10_000;

/** `2/8`, or undefined. */
export function readShard(text: string): Shard | undefined {
  const [, index, count] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  return shard.index >= 1 && shard.index <= shard.count && shard.count <= SHARDS_MAX ? shard : undefined;
}

export const shardName = ({ index, count }: Shard): string => `shard ${index} of ${count}`;

/**
 * The indices of the cells of each shard, in the order of the matrix. The most expensive cell goes first, to the shard with the least
 * to do; of equals, the first. So it depends on nothing but the matrix.
 */
export function partsOf(cells: readonly Cell[], count: number): readonly (readonly number[])[] {
  const parts = Array.from({ length: count }, () => ({ cost: 0, indices: [] as number[] }));
  const dearestFirst = cells.map((cell, index) => ({ index, cost: costOf(cell) })).sort((a, b) => b.cost - a.cost);
  for (const { index, cost } of dearestFirst) {
    const least = parts.reduce((best, part) => (part.cost < best.cost ? part : best));
    least.cost += cost;
    least.indices.push(index);
  }
  return parts.map(({ indices }) => indices.sort((a, b) => a - b));
}
