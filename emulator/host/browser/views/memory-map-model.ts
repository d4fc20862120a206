// SPDX-License-Identifier: MIT
/** The picture of a machine's memory: a pixel for each page, and what its colours mean. Pure: a canvas only shows it. */
import { PAGE_KINDS, type PageKind } from '../../../memory/kinds.js';
import { countedKinds, pictureOfNumbers, pixelAt, pixelsOf, type Counted, type Picture } from './picture.js';

/** Pages in a row of the picture: 1 MiB. */
export const ROW_PAGES = 256;

/** For people. */
export const KIND_NAMES: Readonly<Record<PageKind, string>> = {
  noRam: 'not used by the kernel',
  free: 'free',
  kernelImage: 'kernel image',
  kernel: 'other pages of the kernel',
  slab: 'slab',
  pageTable: 'page tables',
  pageCache: 'page cache',
  anonymous: 'anonymous memory',
};

/**
 * Colours that people with any colour vision tell apart (Okabe and Ito), as 0xRRGGBB. The two kinds without content are grey, far
 * from each other and from the rest in both schemes.
 */
export const KIND_COLOURS: Readonly<Record<PageKind, number>> = {
  noRam: 0x3a3f44,
  free: 0xd5d9dd,
  kernelImage: 0xd55e00,
  kernel: 0xe69f00,
  slab: 0xf0e442,
  pageTable: 0xcc79a7,
  pageCache: 0x0072b2,
  anonymous: 0x009e73,
};

/** `kinds`: numbers of `PAGE_KINDS`, by frame. */
export const legendOf = (kinds: Uint8Array): readonly Counted<PageKind>[] =>
  countedKinds([kinds], PAGE_KINDS, KIND_NAMES, KIND_COLOURS);

const PIXELS = pixelsOf(PAGE_KINDS.map((kind) => KIND_COLOURS[kind]));

/** `kinds`: as for {@link legendOf}. */
export const pictureOf = (kinds: Uint8Array): Picture => pictureOfNumbers(kinds, PIXELS, ROW_PAGES);

/** The frame at a place of the picture, undefined where there is no page; see {@link pixelAt}. */
export const frameAt = (kinds: Uint8Array, x: number, y: number): number | undefined =>
  pixelAt(kinds.length, ROW_PAGES, x, y);

/** `0x08049000  7f 45 4c 46 ... .ELF`: bytes of a page, 16 in a row; rows that are as the one before are left out. */
export function bytesText(bytes: Uint8Array, at: number): string {
  const rows: string[] = [];
  let before = '';
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = bytes.subarray(offset, offset + 16);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    if (hex === before) {
      if (rows.at(-1) !== '*') rows.push('*');
      continue;
    }
    before = hex;
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${(at + offset).toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return rows.join('\n');
}
