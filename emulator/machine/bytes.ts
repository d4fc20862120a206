// SPDX-License-Identifier: MIT

/** The pieces joined to a new array, which shares no memory with them. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Whether two arrays hold the same bytes. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  const [left, right] = [wordsOf(one), wordsOf(other)];
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  for (let at = left.length * 4; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** These bytes as 32-bit words (a rest is dropped). Assumes a little-endian host. A copy where they are not aligned. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
}
