// SPDX-License-Identifier: MIT
/** Node's memcmp for the memory proof: twice as fast as comparing words. */
import type { Comparer } from '../../verify/memory/compare.js';

export const byteComparer: Comparer = (a, b) => {
  const one = Buffer.from(a.buffer, a.byteOffset, a.byteLength);
  const other = Buffer.from(b.buffer, b.byteOffset, b.byteLength);
  return (fromByte, toByte) => one.compare(other, fromByte, toByte, fromByte, toByte) === 0;
};
