// SPDX-License-Identifier: MIT
/** CRC-32 of Ethernet: reflected polynomial 0xedb88320. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** The CRC-32 of `bytes` as in Ethernet and zip, which invert it at both ends. Unsigned 32 bit. */
export const crc32 = (bytes: Uint8Array): number => ~crc32Le(0xffff_ffff, bytes) >>> 0;

/** Continues `sum` over more bytes as the kernel's crc32_le() does: no inversion at either end. Unsigned 32 bit. */
export function crc32Le(sum: number, bytes: Uint8Array): number {
  let value = sum;
  for (let i = 0; i < bytes.length; i++)
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[i] as number)) & 0xff] as number);
  return value >>> 0;
}
