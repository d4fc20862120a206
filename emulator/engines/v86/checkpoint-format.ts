// SPDX-License-Identifier: MIT
/**
 * Bytes of a checkpoint: a magic, a JSON head, and blobs. Large mostly-empty memory is kept as its
 * non-zero pages.
 */
import { InputError } from '../../machine/errors.js';

const MAGIC = 'SNAPCKPT';
const FORMAT = 1;
const PAGE = 4096;
const HEAD_BYTES = 16;

/** A JSON head and blobs as one array of bytes. */
export function packCheckpoint(head: object, blobs: readonly Uint8Array[]): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ head, blobBytes: blobs.map((blob) => blob.length) }));
  const total = align(HEAD_BYTES + json.length) + blobs.reduce((sum, blob) => sum + align(blob.length), 0);
  const bytes = new Uint8Array(total);
  bytes.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, FORMAT, true);
  view.setUint32(12, json.length, true);
  bytes.set(json, HEAD_BYTES);
  let at = align(HEAD_BYTES + json.length);
  for (const blob of blobs) {
    bytes.set(blob, at);
    at += align(blob.length);
  }
  return bytes;
}

/**
 * The reverse of {@link packCheckpoint}; blobs are views into `bytes`.
 * @throws InputError when these are not the bytes of a checkpoint, or are cut short.
 */
export function unpackCheckpoint(bytes: Uint8Array): { readonly head: unknown; readonly blobs: readonly Uint8Array[] } {
  const remedy = 'delete it; it is made anew when it is needed';
  // slice(), since decoding shared memory is refused.
  if (bytes.length < HEAD_BYTES || new TextDecoder().decode(bytes.slice(0, 8)) !== MAGIC) throw new InputError('not a checkpoint of the v86 engine', { remedy });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = view.getUint32(8, true);
  if (format !== FORMAT) throw new InputError(`checkpoint format ${format}, but this engine reads ${FORMAT}`, { remedy });
  const jsonBytes = view.getUint32(12, true);
  const json = new TextDecoder().decode(bytes.slice(HEAD_BYTES, HEAD_BYTES + jsonBytes));
  let parsed: { head: unknown; blobBytes: number[] };
  try {
    parsed = JSON.parse(json) as typeof parsed;
  } catch (cause) {
    throw new InputError('the head of the checkpoint is damaged', { remedy, cause });
  }
  let at = align(HEAD_BYTES + jsonBytes);
  const blobs = parsed.blobBytes.map((length) => {
    const blob = bytes.subarray(at, at + length);
    at += align(length);
    return blob;
  });
  if (at > bytes.length) throw new InputError(`the checkpoint is cut short: ${bytes.length} of ${at} bytes`, { remedy });
  return { head: parsed.head, blobs };
}

/** The pages of `memory` that hold anything: their indexes (as bytes of a Uint32Array), then their content. */
export function packPages(memory: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
  const indexes: number[] = [];
  for (let page = 0; page * PAGE < memory.byteLength; page++) if (!isZero(words, page)) indexes.push(page);
  const content = new Uint8Array(indexes.length * PAGE);
  indexes.forEach((page, slot) => content.set(memory.subarray(page * PAGE, (page + 1) * PAGE), slot * PAGE));
  return [new Uint8Array(Uint32Array.from(indexes).buffer), content];
}

/** Makes `memory` equal to what was packed, whatever it held before. */
export function unpackPages(memory: Uint8Array, indexBytes: Uint8Array, content: Uint8Array): void {
  const words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
  const indexes = new Uint32Array(indexBytes.slice().buffer);
  let slot = 0;
  for (let page = 0; page * PAGE < memory.byteLength; page++) {
    if (indexes[slot] === page) {
      memory.set(content.subarray(slot * PAGE, (slot + 1) * PAGE), page * PAGE);
      slot++;
    } else if (!isZero(words, page)) {
      // Only pages that hold something are written: the others need not become resident.
      memory.fill(0, page * PAGE, (page + 1) * PAGE);
    }
  }
}

function isZero(words: Int32Array, page: number): boolean {
  const end = Math.min((page + 1) * (PAGE / 4), words.length);
  for (let at = page * (PAGE / 4); at < end; at++) if (words[at] !== 0) return false;
  return true;
}

const align = (length: number): number => (length + 7) & ~7;
