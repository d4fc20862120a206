// SPDX-License-Identifier: MIT
/**
 * The bitmaps of swsusp (struct memory_bitmap of kernel/power/snapshot.c, 6.12), read out of guest RAM.
 *
 * A bitmap is a list of zones; each zone has a radix tree whose leaves, also linked in order, hold one
 * page of bits each. The structures lie in a chain of pages of their own, linked by their first word.
 */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, pfn, pfnOfGpa, type Gpa, type Pfn } from '../machine/units.js';
import {
  kernelWord,
  listNodes,
  physical,
  symbolGpa,
  wordVariable,
  type Addressing,
  type GuestKernel,
} from './kernel.js';
import { constant } from './layout.js';
import { addressOf } from './symbols.js';
import { readU32, va, type Va, pageBytes } from './view.js';

/** struct bm_position, which is the `cur` of a bitmap: four words, then an int. Padding after it is left out. */
export interface CursorLayout {
  readonly zone: number;
  readonly node: number;
  readonly nodePfn: number;
  readonly curPfn: number;
  readonly nodeBit: number;
  readonly sizeof: number;
}
export const cursorLayout = ({ wordBytes: word }: Pick<Addressing, 'wordBytes'>): CursorLayout => ({
  zone: 0,
  node: word,
  nodePfn: 2 * word,
  curPfn: 3 * word,
  nodeBit: 4 * word,
  sizeof: 4 * word + 4,
});

export const BITS_PER_LEAF = PAGE_BYTES * 8;

/** `1` at each index that is in the set. */
export type PageSet = Uint8Array;

export interface BitmapZone {
  readonly address: Va;
  readonly startPfn: number;
  /** One past the last. */
  readonly endPfn: number;
  /** Addresses of the rtree_node structures of the leaves, in order. */
  readonly leaves: readonly Va[];
}

export interface MemoryBitmap {
  readonly name: string;
  readonly address: Va;
  readonly zones: readonly BitmapZone[];
  /** Physical address of its cursor, {@link CursorLayout}. */
  readonly cursor: Gpa;
  readonly pages: PageSet;
  readonly count: number;
  /** Frames in which the bitmap itself lies: leaves, inner nodes and the chain of structures. */
  readonly storage: readonly Pfn[];
}

/** The bitmaps that are variables of their own, and those that a variable points to. */
export type StaticBitmap = 'orig_bm' | 'copy_bm' | 'zero_bm';
export type PointedBitmap = 'forbidden_pages_map' | 'free_pages_map';

/** Reads a bitmap; undefined when it does not exist now (not allocated). Throws GuestError when it makes no sense. */
export function readBitmap(kernel: GuestKernel, name: StaticBitmap | PointedBitmap): MemoryBitmap | undefined {
  const variableAddress = addressOf(kernel.symbols, name);
  const pointed = name === 'forbidden_pages_map' || name === 'free_pages_map';
  const address = pointed ? va(kernelWord(kernel, variableAddress)) : variableAddress;
  const at = (field: string): number => constant(kernel.layout, field);
  if (address === 0 || kernelWord(kernel, address, at('memory_bitmap.zones')) === 0) return undefined;

  const pages: PageSet = new Uint8Array(kernel.memory.pageCount);
  const storage: Pfn[] = [];
  const zones: BitmapZone[] = [];
  let count = 0;
  for (const zoneNode of listNodes(kernel, address + at('memory_bitmap.zones'))) {
    const zone = zoneNode - at('mem_zone_bm_rtree.list');
    const startPfn = kernelWord(kernel, zone, at('mem_zone_bm_rtree.start_pfn'));
    const endPfn = kernelWord(kernel, zone, at('mem_zone_bm_rtree.end_pfn'));
    if (!(startPfn >= 0 && startPfn < endPfn) || endPfn > kernel.memory.pageCount) {
      throw new GuestError(`${name} covers the frames ${startPfn} to ${endPfn}, which are not all RAM`);
    }
    const leaves = [...listNodes(kernel, zone + at('mem_zone_bm_rtree.leaves'))].map((node) =>
      va(node - at('rtree_node.list')),
    );
    for (const [index, leaf] of leaves.entries()) {
      const data = physical(kernel, kernelWord(kernel, leaf, at('rtree_node.data')));
      storage.push(pfnOfGpa(data));
      count += copyBits(kernel, data, startPfn + index * BITS_PER_LEAF, endPfn, pages);
    }
    for (const node of listNodes(kernel, zone + at('mem_zone_bm_rtree.nodes'))) {
      storage.push(pfnOfGpa(physical(kernel, kernelWord(kernel, node - at('rtree_node.list'), at('rtree_node.data')))));
    }
    zones.push({ address: va(zone), startPfn, endPfn, leaves });
  }
  storage.push(...chainFrames(kernel, kernelWord(kernel, address, at('memory_bitmap.p_list'))));
  return { name, address, zones, cursor: physical(kernel, address, at('memory_bitmap.cur')), pages, count, storage };
}

/** Sets `pages[p]` for the bits of one leaf; answers how many there are. */
function copyBits(kernel: GuestKernel, leaf: Gpa, startPfn: number, endPfn: number, pages: PageSet): number {
  const bits = Math.min(BITS_PER_LEAF, endPfn - startPfn);
  const bytes = pageBytes(kernel.memory, pfnOfGpa(leaf));
  let count = 0;
  for (let i = 0; i < bits; i += 8) {
    const byte = bytes[i >>> 3] as number;
    if (byte === 0) continue;
    for (let bit = 0; bit < 8 && i + bit < bits; bit++) {
      if ((byte >>> bit) & 1) {
        pages[startPfn + i + bit] = 1;
        count++;
      }
    }
  }
  return count;
}

/** Frames of a chain of struct linked_page. */
export function chainFrames(kernel: GuestKernel, first: number): Pfn[] {
  const frames: Pfn[] = [];
  for (
    let address = first;
    address !== 0 && frames.length <= kernel.memory.pageCount;
    address = kernelWord(kernel, address)
  ) {
    frames.push(pfnOfGpa(physical(kernel, address)));
  }
  return frames;
}

/** The frames that the hibernation core holds for going back to an image in memory; none where it does not. */
export function rollbackPages(kernel: GuestKernel): readonly Pfn[] {
  return kernel.symbols.byName.has('rollback_pages') ? chainFrames(kernel, wordVariable(kernel, 'rollback_pages')) : [];
}

/**
 * The frames that a snapshot keeps in place instead of copying them (mm/anon_preserve.c): one bit each, empty in a kernel
 * or at a time that preserves none.
 */
export function preservedPages(kernel: GuestKernel): PageSet {
  return flatBitmap(kernel, 'preserved') ?? new Uint8Array(kernel.memory.pageCount);
}

/**
 * The frames that a snapshot has taken off the lists of reclaim, in order to preserve them: of a large page the first.
 * Undefined when the kernel has no such record now: it is not taking a snapshot.
 */
export function isolatedPages(kernel: GuestKernel): PageSet | undefined {
  return flatBitmap(kernel, 'isolated');
}

/** A bitmap of mm/anon_preserve.c; undefined where there is none. */
function flatBitmap(kernel: GuestKernel, name: 'preserved' | 'isolated'): PageSet | undefined {
  const has = kernel.symbols.byName.has(name) && kernel.symbols.byName.has('preserved_pfns');
  const bits = has ? wordVariable(kernel, name) : 0;
  if (bits === 0) return undefined;
  const pages: PageSet = new Uint8Array(kernel.memory.pageCount);
  const count = wordVariable(kernel, 'preserved_pfns');
  if (count > pages.length)
    throw new GuestError(`the map of ${name} pages has ${count} bits, the machine ${pages.length} pages`);
  for (let word = 0; word < count; word += 32) {
    const set = readU32(kernel.memory, physical(kernel, bits, word / 8));
    for (let bit = 0; set !== 0 && bit < 32 && word + bit < count; bit++) pages[word + bit] = (set >>> bit) & 1;
  }
  return pages;
}

/** The pages that the kernel registered as never to be saved: `[start, end)` in frames. */
export function nosaveRegions(kernel: GuestKernel): { start: Pfn; end: Pfn }[] {
  const head = addressOf(kernel.symbols, 'nosave_regions');
  const field = (node: Va, name: string): number =>
    kernelWord(kernel, node - constant(kernel.layout, 'nosave_region.list'), constant(kernel.layout, name));
  return [...listNodes(kernel, head)].map((node) => ({
    start: pfn(field(node, 'nosave_region.start_pfn')),
    end: pfn(field(node, 'nosave_region.end_pfn')),
  }));
}

/** The frames of the section .data..nosave: `[start, end)`. */
export function nosaveSection(kernel: GuestKernel): { start: Pfn; end: Pfn } {
  return {
    start: pfnOfGpa(symbolGpa(kernel, '__nosave_begin')),
    end: pfn(Math.ceil(symbolGpa(kernel, '__nosave_end') / PAGE_BYTES)),
  };
}
