// SPDX-License-Identifier: MIT
/** The CRC of Ethernet, least significant bit first, as the kernel's crc32_le(): no inversion at either end. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Continues `sum` over more bytes; unsigned 32 bit. */
export function crc32(sum: number, bytes: Uint8Array): number {
  let value = sum;
  for (let i = 0; i < bytes.length; i++)
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[i] as number)) & 255] as number);
  return value >>> 0;
}
