// SPDX-License-Identifier: MIT
/**
 * The write log of a disk as a file: a head, then each write as instruction (f64), sector (f64), length (u32),
 * content hash (u32), bytes; all little-endian. The hash detects damage and finds equal contents. It does not protect
 * against deliberate changes.
 */
import type { DiskWrite } from '../machine/contract.js';
import { InputError } from '../machine/errors.js';
import { SECTOR_BYTES, sector } from '../machine/units.js';

const MAGIC = 'SNAPWLOG';
const FORMAT = 1;
const HEAD_BYTES = 16;
const RECORD_HEAD_BYTES = 24;

/** A log as bytes, for {@link decodeWriteLog}. */
export function encodeWriteLog(log: readonly DiskWrite[]): Uint8Array {
  const encoded = new Uint8Array(log.reduce((sum, { bytes }) => sum + RECORD_HEAD_BYTES + bytes.length, HEAD_BYTES));
  const view = new DataView(encoded.buffer);
  encoded.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, FORMAT, true);
  view.setUint32(12, log.length, true);
  let at = HEAD_BYTES;
  for (const { instruction, sector: start, bytes } of log) {
    view.setFloat64(at, instruction, true);
    view.setFloat64(at + 8, start, true);
    view.setUint32(at + 16, bytes.length, true);
    view.setUint32(at + 20, contentHash(bytes), true);
    encoded.set(bytes, at + RECORD_HEAD_BYTES);
    at += RECORD_HEAD_BYTES + bytes.length;
  }
  return encoded;
}

/**
 * The log that was encoded; the bytes of its writes are views into `encoded`.
 * @throws InputError when these are not the bytes of a log, are cut short, or damaged; names the write.
 */
export function decodeWriteLog(encoded: Uint8Array): DiskWrite[] {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const remedy = 'make it anew by running the scenario again';
  if (encoded.length < HEAD_BYTES || new TextDecoder().decode(encoded.slice(0, 8)) !== MAGIC)
    throw new InputError('not a write log', { remedy });
  const format = view.getUint32(8, true);
  if (format !== FORMAT)
    throw new InputError(`write log of format ${format}; this version reads ${FORMAT}`, { remedy });
  const count = view.getUint32(12, true);
  const log: DiskWrite[] = [];
  let at = HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    if (at + RECORD_HEAD_BYTES > encoded.length)
      throw new InputError(`the write log ends within write ${index} of ${count}`, { remedy });
    const length = view.getUint32(at + 16, true);
    const bytes = encoded.subarray(at + RECORD_HEAD_BYTES, at + RECORD_HEAD_BYTES + length);
    if (bytes.length < length) throw new InputError(`the write log ends within write ${index} of ${count}`, { remedy });
    if (length % SECTOR_BYTES !== 0 || contentHash(bytes) !== view.getUint32(at + 20, true)) {
      throw new InputError(`write ${index} of the log is damaged (offset ${at})`, { remedy });
    }
    log.push({ instruction: view.getFloat64(at, true), sector: sector(view.getFloat64(at + 8, true)), bytes });
    at += RECORD_HEAD_BYTES + length;
  }
  return log;
}

/** FNV-1a, 32 bit. */
export function contentHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}
