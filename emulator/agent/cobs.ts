// SPDX-License-Identifier: MIT
/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1997): bytes without a zero among them, so that a
 * zero can end a frame. Costs one byte in 254.
 */

/** `plain` without zero bytes, and without the delimiter. */
export function cobsEncode(plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + Math.floor(plain.length / 254) + 2);
  let codeAt = 0;
  let used = 1;
  let code = 1;
  for (const byte of plain) {
    if (byte !== 0) {
      out[used++] = byte;
      code++;
    }
    if (byte === 0 || code === 0xff) {
      out[codeAt] = code;
      code = 1;
      codeAt = used++;
    }
  }
  out[codeAt] = code;
  return out.subarray(0, used);
}

/** The bytes that `encoded` (without its delimiter) stands for, or undefined when nothing encodes to it. */
export function cobsDecode(encoded: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(encoded.length);
  let used = 0;
  for (let at = 0; at < encoded.length;) {
    const code = encoded[at++] as number;
    const end = at + code - 1;
    if (code === 0 || end > encoded.length) return undefined;
    out.set(encoded.subarray(at, end), used);
    used += code - 1;
    at = end;
    if (code !== 0xff && at < encoded.length) out[used++] = 0;
  }
  return out.subarray(0, used);
}
