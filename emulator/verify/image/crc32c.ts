// SPDX-License-Identifier: MIT
/** Castagnoli's CRC, least significant bit first, inverted at both ends, as iSCSI has it. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** Continues `sum` (0 to begin with) over more bytes; unsigned 32 bit. */
export function crc32c(sum: number, bytes: Uint8Array): number {
  let value = ~sum;
  for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ (TABLE[(value ^ (bytes[i] as number)) & 255] as number);
  return ~value >>> 0;
}
