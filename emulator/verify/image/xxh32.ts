// SPDX-License-Identifier: MIT
/** XXH32, by the specification of the xxHash project (doc/xxhash_spec.md): the checksum in snapctl's container. */
import { wordsOf } from '../../machine/bytes.js';

const PRIMES = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;
const [PRIME1, PRIME2, PRIME3, PRIME4, PRIME5] = PRIMES;
const STRIPE_BYTES = 16;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const mix = (lane: number, word: number): number => Math.imul(rotate((lane + Math.imul(word, PRIME2)) | 0, 13), PRIME1);

/** The sum of `bytes`; `seed` is 0, or the sum of what comes before. Unsigned 32 bit. */
export function xxh32(seed: number, bytes: Uint8Array): number {
  const words = wordsOf(bytes);
  let at = 0;
  let sum = (seed + PRIME5) | 0;
  if (bytes.length >= STRIPE_BYTES) {
    let [a, b, c, d] = [(seed + PRIME1 + PRIME2) | 0, (seed + PRIME2) | 0, seed | 0, (seed - PRIME1) | 0];
    for (; at + STRIPE_BYTES <= bytes.length; at += STRIPE_BYTES) {
      const word = at >> 2;
      a = mix(a, words[word] as number);
      b = mix(b, words[word + 1] as number);
      c = mix(c, words[word + 2] as number);
      d = mix(d, words[word + 3] as number);
    }
    sum = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  }
  sum = (sum + bytes.length) | 0;
  for (; at + 4 <= bytes.length; at += 4)
    sum = Math.imul(rotate((sum + Math.imul(words[at >> 2] as number, PRIME3)) | 0, 17), PRIME4);
  for (; at < bytes.length; at++)
    sum = Math.imul(rotate((sum + Math.imul(bytes[at] as number, PRIME5)) | 0, 11), PRIME1);
  sum = Math.imul(sum ^ (sum >>> 15), PRIME2);
  sum = Math.imul(sum ^ (sum >>> 13), PRIME3);
  return (sum ^ (sum >>> 16)) >>> 0;
}
