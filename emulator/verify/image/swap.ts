// SPDX-License-Identifier: MIT
/**
 * swsusp's container in a swap area (kernel/power/swap.c, 6.12). i386 and x86-64 have the same but for the packed lengths,
 * which are longs.
 *
 * The swap header page carries the signature, flags and the place of the first map page. Map pages are arrays
 * of 511 page numbers, linked by their last entry; they list the pages of the stream in order. Compressed images keep the
 * stream's header page plain and pack the rest in runs of up to 32 pages, each with its packed length before it.
 */
import { GuestError, RigError } from '../../machine/errors.js';
import { PAGE_BYTES } from '../../machine/units.js';
import { crc32Le } from '../../machine/crc32.js';
import { decompressLz4 } from './lz4.js';
import { decompressLzo } from './lzo.js';
import { readChecked, type ByteSource } from '../source.js';
import { parseImageHeader, readImage, type Image } from './stream.js';

const HEADER = { checksum: 4060, image: 4064, flags: 4072, originalSignature: 4076, signature: 4086 } as const;
const SIGNATURE_BYTES = 10;
const MAP_ENTRIES = 511;
const FLAGS = { platform: 1, notCompressed: 2, checksum: 4, hardwareSignature: 8, lz4: 16 } as const;
const RUN_PAGES = 32;

export type Compression = 'none' | 'lzo' | 'lz4';

export interface SwapHeader {
  /** `S1SUSPEND` while an image waits, `SWAPSPACE2` otherwise. */
  readonly signature: string;
  /** What the kernel will put back in its place. */
  readonly originalSignature: string;
  readonly imagePage: number;
  readonly compression: Compression;
  /** CRC over the unpacked stream after its header page, for compressed images. */
  readonly checksum: number | undefined;
}

export interface SwapImage {
  readonly swap: SwapHeader;
  readonly image: Image;
  /** Numbers of the pages of the block device that the image takes: swap header, map and stream. */
  readonly pagesUsed: readonly number[];
}

export const IMAGE_SIGNATURE = 'S1SUSPEND';

/** Reads the header of a swap area, from this page of the block device that holds the area. */
export function readSwapHeader(device: ByteSource, headerPage = 0): SwapHeader {
  const page = readChecked(device, headerPage * PAGE_BYTES, PAGE_BYTES, 'the swap header');
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const text = (at: number): string =>
    String.fromCharCode(...page.subarray(at, at + SIGNATURE_BYTES)).replace(/\0.*$/, '');
  const flags = view.getUint32(HEADER.flags, true);
  return {
    signature: text(HEADER.signature),
    originalSignature: text(HEADER.originalSignature),
    imagePage: view.getUint32(HEADER.image, true) + view.getUint32(HEADER.image + 4, true) * 2 ** 32,
    compression: (flags & FLAGS.notCompressed) !== 0 ? 'none' : (flags & FLAGS.lz4) !== 0 ? 'lz4' : 'lzo',
    checksum: (flags & FLAGS.checksum) !== 0 ? view.getUint32(HEADER.checksum, true) : undefined,
  };
}

/**
 * Reads the image in a swap area, whose header is in this page of the block device: 0 unless the area is a file. All page
 * numbers of an image count from the beginning of the device. Throws RigError when there is none, GuestError when it is
 * damaged; a compressed image's checksum is verified at once.
 */
export function readSwapImage(area: ByteSource, headerPage = 0): SwapImage {
  const swap = readSwapHeader(area, headerPage);
  if (swap.signature !== IMAGE_SIGNATURE) {
    throw new RigError(`the swap area holds no image: its signature is '${swap.signature}'`, {
      remedy: 'read the disk after the suspend and before the resume',
    });
  }
  const map = imagePages(area, swap.imagePage);
  if (swap.compression !== 'none') verifyChecksum(area, map.pages, swap);
  const image = readImage(() =>
    swap.compression === 'none' ? plainPages(area, map.pages) : unpackedPages(area, map.pages, swap.compression),
  );
  return { swap, image, pagesUsed: [headerPage, ...map.mapPages, ...map.pages] };
}

/** Follows the map pages; answers the numbers of the stream's pages in order. */
function imagePages(area: ByteSource, first: number): { pages: number[]; mapPages: number[] } {
  const pages: number[] = [];
  const pagesMax = area.byteLength / PAGE_BYTES;
  const mapPages: number[] = [];
  for (let at = first; at !== 0;) {
    if (mapPages.length > pagesMax) throw new GuestError("the image's map pages form a circle");
    const bytes = readChecked(area, at * PAGE_BYTES, PAGE_BYTES, `map page ${mapPages.length} of the image`);
    mapPages.push(at);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const entry = (index: number): number =>
      view.getUint32(8 * index, true) + view.getUint32(8 * index + 4, true) * 2 ** 32;
    for (let i = 0; i < MAP_ENTRIES && entry(i) !== 0; i++) pages.push(entry(i));
    at = entry(MAP_ENTRIES);
  }
  return { pages, mapPages };
}

function* plainPages(area: ByteSource, pages: readonly number[]): Generator<Uint8Array> {
  for (const [index, page] of pages.entries())
    yield readChecked(area, page * PAGE_BYTES, PAGE_BYTES, `map entry ${index} of the image`);
}

/** Size of the packed length before each run (size_t), which follows from the plain header page. */
function packedLengthBytes(area: ByteSource, pages: readonly number[]): 4 | 8 {
  const [first = 0] = pages;
  return parseImageHeader(readChecked(area, first * PAGE_BYTES, PAGE_BYTES, 'the header of the image')).wordBytes;
}

/** The unpacked runs of a compressed image, without the plain header page. */
function* unpackedRuns(area: ByteSource, pages: readonly number[], compression: Compression): Generator<Uint8Array> {
  const unpack = compression === 'lz4' ? decompressLz4 : decompressLzo;
  const lengthBytes = packedLengthBytes(area, pages);
  for (let index = 1; index < pages.length;) {
    const firstPage = readChecked(
      area,
      (pages[index] as number) * PAGE_BYTES,
      PAGE_BYTES,
      `map entry ${index} of the image`,
    );
    const view = new DataView(firstPage.buffer, firstPage.byteOffset);
    const packedBytes = view.getUint32(0, true) + (lengthBytes === 4 ? 0 : view.getUint32(4, true) * 2 ** 32);
    const runPages = Math.ceil((lengthBytes + packedBytes) / PAGE_BYTES);
    if (index + runPages > pages.length)
      throw new GuestError(
        `the packed run at page ${index} of the image claims ${packedBytes} bytes, which it has not`,
      );
    const packed = new Uint8Array(runPages * PAGE_BYTES);
    for (let i = 0; i < runPages; i++) {
      packed.set(
        readChecked(area, (pages[index + i] as number) * PAGE_BYTES, PAGE_BYTES, `map entry ${index + i} of the image`),
        i * PAGE_BYTES,
      );
    }
    yield unpack(packed.subarray(lengthBytes, lengthBytes + packedBytes), RUN_PAGES * PAGE_BYTES);
    index += runPages;
  }
}

function* unpackedPages(area: ByteSource, pages: readonly number[], compression: Compression): Generator<Uint8Array> {
  yield* plainPages(area, pages.slice(0, 1));
  for (const run of unpackedRuns(area, pages, compression)) {
    for (let at = 0; at + PAGE_BYTES <= run.length; at += PAGE_BYTES) yield run.subarray(at, at + PAGE_BYTES);
  }
}

function verifyChecksum(area: ByteSource, pages: readonly number[], swap: SwapHeader): void {
  let sum = 0;
  for (const run of unpackedRuns(area, pages, swap.compression)) sum = crc32Le(sum, run);
  if (swap.checksum !== undefined && sum !== swap.checksum) {
    throw new GuestError(
      `the image's checksum is 0x${sum.toString(16)}, its header says 0x${swap.checksum.toString(16)}`,
      { remedy: 'the image is damaged' },
    );
  }
}
