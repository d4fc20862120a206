// SPDX-License-Identifier: MIT
/** Unpacks one LZ4 block: tokens with a literal count and a match length, the last one with literals only. */
import { GuestError } from '../../machine/errors.js';

const MATCH_BYTES_MIN = 4;

/** Throws GuestError when the block is damaged or unpacks to more than `lengthMax` bytes. */
export function decompressLz4(packed: Uint8Array, lengthMax: number): Uint8Array {
  const out = new Uint8Array(lengthMax);
  let to = 0;
  let from = 0;

  const fail = (why: string): never => {
    throw new GuestError(`packed data is damaged at byte ${from}: ${why}`, { remedy: 'the image is damaged' });
  };
  const next = (): number => (from < packed.length ? (packed[from++] as number) : fail('it ends too early'));
  const longLength = (inToken: number): number => {
    let length = inToken;
    for (let byte = inToken === 15 ? 255 : 0; byte === 255; length += byte) byte = next();
    return length;
  };

  while (from < packed.length) {
    const token = next();
    const literals = longLength(token >>> 4);
    if (from + literals > packed.length || to + literals > lengthMax) fail(`${literals} literals do not fit`);
    out.set(packed.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === packed.length) break;
    const distance = next() | (next() << 8);
    const length = MATCH_BYTES_MIN + longLength(token & 15);
    if (distance === 0 || distance > to || to + length > lengthMax)
      fail(`a copy of ${length} bytes from ${distance} back does not fit`);
    for (let i = 0; i < length; i++, to++) out[to] = out[to - distance] as number;
  }
  return out.subarray(0, to);
}
