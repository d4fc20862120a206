// SPDX-License-Identifier: MIT
/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1997): encodes bytes without zeros, so that a zero can end a
 * frame. It adds one byte per 254.
 */

/** Encodes `plain` without zero bytes. The result has no delimiter. */
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

/** Decodes `encoded` (without its delimiter). Undefined when it is no valid encoding. */
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
