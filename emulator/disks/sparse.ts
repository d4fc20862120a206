// SPDX-License-Identifier: MIT
/** Large, mostly empty memory (RAM, disks) as its non-zero pages. */
import { InputError } from '../machine/errors.js';

const PAGE = 4096;
const HEAD_BYTES = 16;

/** A range of bytes: from, to (exclusive). */
export type ByteRange = readonly [from: number, to: number];

/** Bytes that are written where they are to be, so that they need no memory of their own before. */
export interface LazyBytes {
  readonly length: number;
  /** @param into as long as that. */
  readonly write: (into: Uint8Array) => void;
}

/**
 * The pages of `memory` that hold anything: their indexes (as bytes of a Uint32Array), then their content, which is read when it is
 * written. `isZeroPage` is for those who know a faster way to find out.
 */
export function pagesIn(memory: Uint8Array, isZeroPage = zeroTest(memory)): readonly [Uint8Array, LazyBytes] {
  const indexes: number[] = [];
  for (let page = 0; page * PAGE < memory.byteLength; page++) if (!isZeroPage(page)) indexes.push(page);
  return [
    new Uint8Array(Uint32Array.from(indexes).buffer),
    {
      length: indexes.length * PAGE,
      write: (into) =>
        indexes.forEach((page, slot) => into.set(memory.subarray(page * PAGE, (page + 1) * PAGE), slot * PAGE)),
    },
  ];
}

/** As {@link pagesIn}, with a copy of the content. */
export function packPages(memory: Uint8Array, isZeroPage = zeroTest(memory)): readonly [Uint8Array, Uint8Array] {
  const [indexes, { length, write }] = pagesIn(memory, isZeroPage);
  const content = new Uint8Array(length);
  write(content);
  return [indexes, content];
}

/**
 * Makes `memory` equal to what was packed, whatever it held before in the ranges `maybeUsed` (all of it unless told).
 */
export function unpackPages(
  memory: Uint8Array,
  indexBytes: Uint8Array,
  content: Uint8Array,
  maybeUsed: readonly ByteRange[] = [[0, memory.byteLength]],
): void {
  const indexes = new Uint32Array(indexBytes.slice().buffer);
  const kept = new Uint8Array(Math.ceil(memory.byteLength / PAGE));
  for (const page of indexes) kept[page] = 1;
  const isZeroPage = zeroTest(memory);
  for (const [from, to] of maybeUsed) {
    for (let page = from / PAGE; page * PAGE < to; page++) {
      // Only pages that hold something are written: the others need not become resident.
      if (kept[page] === 0 && !isZeroPage(page)) memory.fill(0, page * PAGE, (page + 1) * PAGE);
    }
  }
  for (const { at, bytes } of packedRuns(indexBytes, content))
    memory.set(bytes.subarray(0, memory.byteLength - at), at);
}

/** What was packed, in the order of addresses: neighbouring pages in one piece, which is a view of `content`. */
export function* packedRuns(
  indexBytes: Uint8Array,
  content: Uint8Array,
): Generator<{ readonly at: number; readonly bytes: Uint8Array }> {
  const indexes = new Uint32Array(indexBytes.slice().buffer);
  for (let slot = 0, end = 0; slot < indexes.length; slot = end) {
    const page = indexes[slot] ?? 0;
    for (end = slot + 1; indexes[end] === page + end - slot;) end++;
    yield { at: page * PAGE, bytes: content.subarray(slot * PAGE, end * PAGE) };
  }
}

/** Where `memory` holds anything but zeros, in whole pages. */
export function usedRanges(memory: Uint8Array, isZeroPage = zeroTest(memory)): ByteRange[] {
  const ranges: ByteRange[] = [];
  const pages = Math.ceil(memory.byteLength / PAGE);
  for (let page = 0, from = -1; page <= pages; page++) {
    const used = page < pages && !isZeroPage(page);
    if (used && from < 0) from = page;
    else if (!used && from >= 0) {
      ranges.push([from * PAGE, Math.min(page * PAGE, memory.byteLength)]);
      from = -1;
    }
  }
  return ranges;
}

function zeroTest(memory: Uint8Array): (page: number) => boolean {
  const words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
  return (page) => {
    const end = Math.min((page + 1) * (PAGE / 4), words.length);
    for (let at = page * (PAGE / 4); at < end; at++) if (words[at] !== 0) return false;
    return true;
  };
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
  if (lengthBytes === 0 || packed.length - contentAt !== (indexBytes / 4) * PAGE)
    throw new InputError('a packed image is cut short');
  const bytes = allocate(lengthBytes);
  const pages = packed.subarray(HEAD_BYTES, contentAt);
  unpackPages(bytes, pages, packed.subarray(contentAt), []);
  const kept = new Set(new Uint32Array(pages.slice().buffer));
  noteFilled(
    bytes,
    usedRanges(bytes, (page) => !kept.has(page)),
  );
  return bytes;
}

const filled = new WeakMap<Uint8Array, readonly ByteRange[]>();

/** Notes which ranges of memory that will never change can contain anything, so that nobody has to search it. */
export function noteFilled(memory: Uint8Array, ranges: readonly ByteRange[]): void {
  filled.set(memory, ranges);
}

/** The ranges of memory that never changes that can contain anything, as noted, or else found by one search. */
export function filledRangesOf(memory: Uint8Array): readonly ByteRange[] {
  const ranges = filled.get(memory) ?? usedRanges(memory);
  filled.set(memory, ranges);
  return ranges;
}
