// SPDX-License-Identifier: MIT
/** Large, mostly empty memory (RAM, disks) as its non-zero pages. */
import { InputError } from '../machine/errors.js';

const PAGE = 4096;
const HEAD_BYTES = 16;

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


/** All of `bytes` (a multiple of 4 long) as one array that leaves out what is zero. */
export function packSparse(bytes: Uint8Array): Uint8Array {
  const [indexes, content] = packPages(bytes);
  const packed = new Uint8Array(HEAD_BYTES + indexes.length + content.length);
  const view = new DataView(packed.buffer);
  view.setFloat64(0, bytes.byteLength, true);
  view.setUint32(8, indexes.length / 4, true);
  packed.set(indexes, HEAD_BYTES);
  packed.set(content, HEAD_BYTES + indexes.length);
  return packed;
}

/**
 * The reverse of {@link packSparse}, into memory that `allocate` makes (zeroed, of the length it is told).
 * @throws InputError when the bytes are cut short.
 */
export function unpackSparse(packed: Uint8Array, allocate: (lengthBytes: number) => Uint8Array): Uint8Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const lengthBytes = packed.length < HEAD_BYTES ? 0 : view.getFloat64(0, true);
  const indexBytes = packed.length < HEAD_BYTES ? 0 : view.getUint32(8, true) * 4;
  const contentAt = HEAD_BYTES + indexBytes;
  // The last page may be short.
  if (lengthBytes === 0 || packed.length - contentAt !== (indexBytes / 4) * PAGE) throw new InputError('a packed image is cut short');
  const bytes = allocate(lengthBytes);
  const indexes = new Uint32Array(packed.slice(HEAD_BYTES, contentAt).buffer);
  indexes.forEach((page, slot) => {
    const at = contentAt + slot * PAGE;
    bytes.set(packed.subarray(at, at + Math.min(PAGE, lengthBytes - page * PAGE)), page * PAGE);
  });
  return bytes;
}
