// SPDX-License-Identifier: MIT
/**
 * The only source of chance in a machine: one seeded stream (xorshift128 of Marsaglia, seeded through a Weyl sequence).
 */

export interface Chance {
  /** Next 32 bits, signed, for v86's `get_rand_int`. */
  int32(): number;
  /** Next number in [0, 1), in place of `Math.random`. */
  fraction(): number;
  save(): ChanceState;
  load(state: ChanceState): void;
}

export type ChanceState = readonly [number, number, number, number];

export function createChance(seed: number): Chance {
  let weyl = seed >>> 0;
  const scramble = (): number => {
    weyl = (weyl + 0x9e3779b9) >>> 0;
    let word = weyl;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
  // All four words zero would be a fixed point; the Weyl sequence never gives that.
  let [a, b, c, d] = [scramble(), scramble(), scramble(), scramble()];
  const int32 = (): number => {
    const mixed = a ^ (a << 11);
    a = b;
    b = c;
    c = d;
    d = (d ^ (d >>> 19) ^ mixed ^ (mixed >>> 8)) >>> 0;
    return d | 0;
  };
  return {
    int32,
    fraction: () => (int32() >>> 0) / 2 ** 32,
    save: () => [a, b, c, d],
    load(state) {
      [a, b, c, d] = state;
    },
  };
}
