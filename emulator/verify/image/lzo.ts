// SPDX-License-Identifier: MIT
/**
 * Unpacks LZO1X (format: the kernel's Documentation/staging/lzo.rst, version 0, which hibernation uses).
 *
 * `state` remembers how many literals the previous instruction copied (4: four or more), because that changes the
 * meaning of the opcodes 0 to 15.
 */
import { GuestError } from '../../machine/errors.js';

const MANY_LITERALS = 4;

/** Throws GuestError when the stream is damaged or unpacks to more than `lengthMax` bytes. */
export function decompressLzo(packed: Uint8Array, lengthMax: number): Uint8Array {
  const out = new Uint8Array(lengthMax);
  let to = 0;
  let from = 0;
  let state = 0;

  const fail = (why: string): never => {
    throw new GuestError(`packed data is damaged at byte ${from}: ${why}`, { remedy: 'the image is damaged' });
  };
  const next = (): number => (from < packed.length ? (packed[from++] as number) : fail('it ends too early'));
  const literals = (count: number): void => {
    if (from + count > packed.length || to + count > lengthMax) fail(`${count} literals do not fit`);
    out.set(packed.subarray(from, from + count), to);
    from += count;
    to += count;
  };
  const match = (distance: number, length: number): void => {
    if (distance > to || to + length > lengthMax) fail(`a copy of ${length} bytes from ${distance} back does not fit`);
    for (let i = 0; i < length; i++, to++) out[to] = out[to - distance] as number;
  };
  /** A length of 0 in the opcode goes on in further bytes: 255 for each zero byte, then the rest. */
  const longLength = (inOpcode: number, base: number): number => {
    if (inOpcode !== 0) return inOpcode;
    let length = base;
    for (;;) {
      const byte = next();
      if (byte !== 0) return length + byte;
      length += 255;
    }
  };

  const first = packed[0] ?? fail('it is empty');
  if (first > 17) {
    from = 1;
    literals(first - 17);
    state = Math.min(first - 17, MANY_LITERALS);
  }
  for (;;) {
    const opcode = next();
    let trailing: number;
    if (opcode >= 64) {
      trailing = opcode & 3;
      const distance = (next() << 3) + ((opcode >>> 2) & 7) + 1;
      match(distance, opcode >= 128 ? 5 + ((opcode >>> 5) & 3) : 3 + ((opcode >>> 5) & 1));
    } else if (opcode >= 32) {
      const length = 2 + longLength(opcode & 31, 31);
      const word = next() | (next() << 8);
      trailing = word & 3;
      match((word >>> 2) + 1, length);
    } else if (opcode >= 16) {
      const length = 2 + longLength(opcode & 7, 7);
      const word = next() | (next() << 8);
      trailing = word & 3;
      const distance = 16384 + ((opcode & 8) << 11) + (word >>> 2);
      if (distance === 16384) return out.subarray(0, to);
      match(distance, length);
    } else if (state === 0) {
      literals(3 + longLength(opcode, 15));
      state = MANY_LITERALS;
      continue;
    } else {
      trailing = opcode & 3;
      const near = (next() << 2) + (opcode >>> 2) + 1;
      if (state === MANY_LITERALS) match(near + 2048, 3);
      else match(near, 2);
    }
    literals(trailing);
    state = trailing;
  }
}
