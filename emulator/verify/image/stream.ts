// SPDX-License-Identifier: MIT
/**
 * swsusp's image as a stream of pages (kernel/power/snapshot.c, 6.12): the form in which /dev/snapshot
 * hands it out and in which the swap container carries it.
 *
 * Page 0 is the header. Then come the pages of frame numbers, a long each, in ascending order; the highest bit
 * marks a frame that held only zeros and has no data in the stream; all ones end the list. Then the data pages, in the same order.
 *
 * The header tells by its magic number whether a kernel of i386 or of x86-64 has made the image.
 */
import { GuestError } from '../../machine/errors.js';
import { PAGE_BYTES, pfn, type Pfn } from '../../machine/units.js';
import { va, type Va } from '../../memory/view.js';

export interface ImageHeader {
  /** Size of a long: 4 on i386, 8 on x86-64. */
  readonly wordBytes: 4 | 8;
  /** Where the resuming kernel jumps, and the page directory it sets: x86's part of the header. */
  readonly jumpAddress: Va;
  readonly pageDirectory: number;
  /** CRC of the firmware's memory map. */
  readonly firmwareMapChecksum: number;
  /** Pages of RAM of the machine. */
  readonly physicalPages: number;
  /** Data pages in the stream. */
  readonly imagePages: number;
  /** All pages of the stream: header, frame numbers and data. */
  readonly pages: number;
}

export interface Image {
  readonly header: ImageHeader;
  /** Frames in the image, ascending, zero pages included. */
  readonly frames: readonly Pfn[];
  /** How many of them hold only zeros and have no data page. */
  readonly zeroPages: number;
  /** Each frame with its content, in order; zero pages as zeros. The bytes are valid until the next step. Throws GuestError where the stream ends early. */
  contents(): Generator<{ readonly frame: Pfn; readonly bytes: Uint8Array }>;
}

/** struct swsusp_info: new_utsname (390 bytes) overlaid by x86's record of longs, padding, then the numbers. */
const HEADERS = {
  4: {
    jumpAddress: 0,
    pageDirectory: 8,
    magic: 12,
    checksum: 16,
    physicalPages: 396,
    imagePages: 404,
    pages: 408,
    sizeBytes: 412,
  },
  8: {
    jumpAddress: 0,
    pageDirectory: 16,
    magic: 24,
    checksum: 32,
    physicalPages: 400,
    imagePages: 416,
    pages: 424,
    sizeBytes: 432,
  },
} as const;
/** RESTORE_MAGIC of arch/x86/power/hibernate.c. */
const MAGIC = { 4: 0x12345679n, 8: 0x23456789abcdef02n } as const;
const TOP_BIT = 0x80000000;
const ALL_ONES = 0xffffffff;

/** Parses the header page. Throws GuestError naming what is wrong with it. */
export function parseImageHeader(page: Uint8Array): ImageHeader {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const long = (offset: number, wordBytes: 4 | 8): bigint =>
    wordBytes === 4 ? BigInt(view.getUint32(offset, true)) : view.getBigUint64(offset, true);
  const wordBytes = ([4, 8] as const).find(
    (size) => page.length === PAGE_BYTES && long(HEADERS[size].magic, size) === MAGIC[size],
  );
  if (wordBytes === undefined) {
    throw new GuestError('the image does not begin with the header of an i386 or x86-64 kernel', {
      remedy: 'the image is damaged or was made by another architecture',
    });
  }
  const HEADER = HEADERS[wordBytes];
  const field = (offset: number): number => Number(long(offset, wordBytes));
  const header: ImageHeader = {
    wordBytes,
    // The kernel's half of 64 bits lies below zero.
    jumpAddress: va(wordBytes === 4 ? field(HEADER.jumpAddress) : Number(view.getBigInt64(HEADER.jumpAddress, true))),
    pageDirectory: field(HEADER.pageDirectory),
    firmwareMapChecksum: field(HEADER.checksum),
    physicalPages: field(HEADER.physicalPages),
    imagePages: field(HEADER.imagePages),
    pages: field(HEADER.pages),
  };
  const sizeBytes = (header.pages * PAGE_BYTES) % (wordBytes === 4 ? 2 ** 32 : 2 ** 64);
  if (field(HEADER.sizeBytes) !== sizeBytes || header.pages < header.imagePages + 2) {
    throw new GuestError(
      `the image's header contradicts itself: ${header.pages} pages, ${header.imagePages} of them data, ${field(HEADER.sizeBytes)} bytes`,
    );
  }
  return header;
}

/** One frame number as it is packed; undefined for the one that ends the list. */
function unpackFrame(view: DataView, index: number, wordBytes: 4 | 8): { frame: number; isZero: boolean } | undefined {
  const at = wordBytes * index;
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + wordBytes - 4, true);
  if (low === ALL_ONES && high === ALL_ONES) return undefined;
  const isZero = (high & TOP_BIT) !== 0;
  const upper = (high & ~TOP_BIT) >>> 0;
  return { frame: wordBytes === 4 ? upper : upper * 2 ** 32 + low, isZero };
}

/**
 * Reads header and frame numbers. `open` begins the stream anew at each call and gives page after page.
 */
export function readImage(open: () => Iterator<Uint8Array>): Image {
  const stream = open();
  const header = parseImageHeader(nextPage(stream, 0));
  const metaPages = header.pages - header.imagePages - 1;
  const frames: Pfn[] = [];
  const isZero: boolean[] = [];
  for (let page = 0, ended = false; page < metaPages && !ended; page++) {
    const bytes = nextPage(stream, 1 + page);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < PAGE_BYTES / header.wordBytes; i++) {
      const packed = unpackFrame(view, i, header.wordBytes);
      ended = packed === undefined;
      if (packed === undefined) break;
      const { frame } = packed;
      if (frames.length > 0 && frame <= (frames.at(-1) as number)) {
        throw new GuestError(
          `frame number ${frames.length} of the image is ${frame}, after ${frames.at(-1)}: the list is not ascending`,
        );
      }
      frames.push(pfn(frame));
      isZero.push(packed.isZero);
    }
  }
  const zeroPages = isZero.filter(Boolean).length;
  if (frames.length - zeroPages !== header.imagePages) {
    throw new GuestError(
      `the image lists ${frames.length - zeroPages} frames with data, its header says ${header.imagePages}`,
    );
  }
  return { header, frames, zeroPages, contents: () => contents(open(), header, frames, isZero) };
}

function* contents(
  stream: Iterator<Uint8Array>,
  header: ImageHeader,
  frames: readonly Pfn[],
  isZero: readonly boolean[],
): Generator<{ frame: Pfn; bytes: Uint8Array }> {
  const zeros = new Uint8Array(PAGE_BYTES);
  let index = 0;
  for (; index < header.pages - header.imagePages; index++) nextPage(stream, index);
  for (const [i, frame] of frames.entries()) {
    yield { frame, bytes: isZero[i] === true ? zeros : nextPage(stream, index++) };
  }
}

function nextPage(stream: Iterator<Uint8Array>, index: number): Uint8Array {
  const step = stream.next();
  if (step.done === true) {
    throw new GuestError(`the image ends before its page ${index}`, {
      remedy: 'it was cut short while it was written',
    });
  }
  return step.value;
}

/** Cuts a stream that arrives in pieces of any size into pages; a rest shorter than a page is dropped. */
export function* pagesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + PAGE_BYTES <= bytes.length; at += PAGE_BYTES) yield bytes.subarray(at, at + PAGE_BYTES);
}
