// SPDX-License-Identifier: MIT
/**
 * What each page of RAM is used for, for a picture of all of them. It is told by the kernel's descriptors alone, which take less
 * than a hundredth of RAM, so that a picture needs no capture. Like the guest, all hosts on which the rig runs are little-endian.
 */
import { PAGE_BYTES, pfn } from '../machine/units.js';
import { symbolGpa, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { MAPPING_LOW_BITS, pageArray, TAIL, type ArrayPiece } from './pages.js';
import { zones } from './zones.js';

/** By number, as in {@link KindReader.kinds}. */
export const PAGE_KINDS = [
  'noRam',
  'free',
  'kernelImage',
  'kernel',
  'slab',
  'pageTable',
  'pageCache',
  'anonymous',
] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

const numberOf = (kind: PageKind): number => PAGE_KINDS.indexOf(kind);
const NO_RAM = numberOf('noRam');
const FREE = numberOf('free');
const KERNEL_IMAGE = numberOf('kernelImage');
const KERNEL = numberOf('kernel');
const SLAB = numberOf('slab');
const PAGE_TABLE = numberOf('pageTable');
const PAGE_CACHE = numberOf('pageCache');
const ANONYMOUS = numberOf('anonymous');

/** `page._mapcount` of a page that no page table has. */
const NOT_MAPPED = 0xffffffff;

export interface KindReader {
  /** What has to be read of RAM for a picture. The places do not change while the kernel runs. */
  readonly pieces: readonly ArrayPiece[];
  /**
   * The kind of each frame, as a number of {@link PAGE_KINDS}. What is neither free nor of a program nor of the page cache, the
   * kernel has allocated for itself. A damaged descriptor is taken as it is.
   * @param contents of the {@link pieces}, in their order.
   */
  kinds(contents: readonly Uint8Array[]): Uint8Array;
  /**
   * By frame: 1 if no page table of a program has it.
   * @param contents as for {@link kinds}.
   */
  unmapped(contents: readonly Uint8Array[]): Uint8Array;
}

/** `kernel`: in any capture of the machine since its zones were made. @throws GuestError when its structures are damaged. */
export function kindReader(kernel: GuestKernel): KindReader {
  const { layout, memory } = kernel;
  const { pageCount } = memory;
  const array = pageArray(kernel);
  const word = (name: string): number => constant(layout, name) / 4;
  const bit = (name: string): number => 2 ** constant(layout, name);
  const typeOf = (name: string): number => constant(layout, `PGTY_${name}`);
  const stride = word('sizeof(page)');
  const [flagsAt, typeAt, referencesAt] = [word('page.flags'), word('page.page_type'), word('page._refcount')];
  const [mappingAt, privateAt, headAt] = [word('page.mapping'), word('page.private'), word('page.compound_head')];
  const wordsOfPointer = kernel.addressing.wordBytes / 4;
  const [reserved, swapBacked] = [bit('PG_reserved'), bit('PG_swapbacked')];
  const swapCache = swapBacked | bit('PG_swapcache');
  const [buddy, slab, table] = [typeOf('buddy'), typeOf('slab'), typeOf('table')];
  const isTyped = new Uint8Array(256);
  for (const type of [buddy, slab, table, typeOf('offline'), typeOf('guard')]) isTyped[type] = 1;
  const anonBit = constant(layout, 'PAGE_MAPPING_ANON');
  const ordersMax = constant(layout, 'NR_PAGE_ORDERS');
  const imageStart = symbolGpa(kernel, '_text') / PAGE_BYTES;
  const imageEnd = symbolGpa(kernel, '_end') / PAGE_BYTES;

  const isRam = new Uint8Array(pageCount);
  for (const { startPfn, endPfn } of zones(kernel))
    for (let frame = startPfn; frame < Math.min(endPfn, pageCount); frame++)
      if (array.at(pfn(frame)) !== undefined) isRam[frame] = 1;

  // One buffer for all pictures. Pieces that are not mapped stay zero and have no RAM.
  const words = new Uint32Array(pageCount * stride);
  const bytes = new Uint8Array(words.buffer);
  const at = (index: number): number => words[index] ?? 0;

  const headOf = (low: number): number => {
    // The array is shorter than 4 GiB, so the lower halves of the addresses tell how far they are from each other.
    const frame = (((low & ~TAIL) - (array.address >>> 0)) >>> 0) / array.descriptorBytes;
    return Number.isInteger(frame) ? frame : pageCount;
  };
  /** `first`: index of the first word of its descriptor. The first page of a compound one, or a single one. */
  const kindOf = (first: number, type: number): number => {
    if (type === slab) return SLAB;
    if (type === table) return PAGE_TABLE;
    if (isTyped[type] === 1) return KERNEL;
    const flags = at(first + flagsAt);
    const mapping = at(first + mappingAt);
    if ((mapping & anonBit) !== 0 || (flags & swapCache) === swapCache) return ANONYMOUS;
    const isFile = (mapping & MAPPING_LOW_BITS) === 0;
    if (isFile && (mapping !== 0 || (wordsOfPointer === 2 && at(first + mappingAt + 1) !== 0))) return PAGE_CACHE;
    return rest(first, flags);
  };
  // A processor keeps some free pages for itself, on no list of the zone; nobody has a reference to them.
  const rest = (first: number, flags: number): number =>
    at(first + referencesAt) === 0 && (flags & reserved) === 0 ? FREE : KERNEL;

  const take = (contents: readonly Uint8Array[]): void =>
    array.pieces.forEach(({ within }, index) => bytes.set(contents[index] ?? [], within));

  return {
    pieces: array.pieces,
    unmapped(contents) {
      take(contents);
      // The counter begins at -1. The type of a page has the same place, so it looks like a page that is mapped very often.
      return Uint8Array.from({ length: pageCount }, (_, frame) => (at(frame * stride + typeAt) === NOT_MAPPED ? 1 : 0));
    },
    kinds(contents) {
      take(contents);
      const kinds = new Uint8Array(pageCount);
      for (let frame = 0; frame < pageCount; frame++) {
        if (isRam[frame] === 0) continue;
        const first = frame * stride;
        const type = at(first + typeAt) >>> 24;
        if (type === buddy) {
          const order = at(first + privateAt);
          const end = Math.min(frame + 2 ** (order < ordersMax ? order : 0), pageCount);
          kinds.fill(FREE, frame, end);
          frame = end - 1;
        } else if ((at(first + flagsAt) & reserved) !== 0 && frame >= imageStart && frame < imageEnd)
          kinds[frame] = KERNEL_IMAGE;
        else if (isTyped[type] === 0 && (at(first + headAt) & TAIL) !== 0)
          // Its first page comes before it.
          kinds[frame] = kindOfTail(headOf(at(first + headAt)), frame, kinds);
        else kinds[frame] = kindOf(first, type);
      }
      return kinds;
    },
  };
}

/** NO_RAM is that of a page without a kind: the first page is damaged, too. */
function kindOfTail(head: number, frame: number, kinds: Uint8Array): number {
  const kind = head < frame ? (kinds[head] ?? NO_RAM) : NO_RAM;
  return kind === NO_RAM ? KERNEL : kind;
}
