// SPDX-License-Identifier: MIT
/** The kernel's descriptors of pages (struct page), with the state of each frame. */
import { PAGE_BYTES, gpa, pfn, pfnOfGpa, type Gpa, type Pfn } from '../machine/units.js';
import { kernelWord, physical, physicalIfMapped, readPointer, readWord, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { readString, readU32, va, type Va } from './view.js';

export interface PageState {
  /** The lower 32 bits: those with names. */
  readonly flags: number;
  readonly reserved: boolean;
  /** What a typed page is used for; untyped pages keep their map count in the same field. */
  readonly type: 'buddy' | 'offline' | 'table' | 'guard' | 'slab' | undefined;
  /** Order of a free block, on its first page. */
  readonly buddyOrder: number | undefined;
  /** Set on the pages of a compound page after its first. */
  readonly head: Pfn | undefined;
  readonly slabCache: string | undefined;
  readonly onLru: boolean;
  readonly anonymous: boolean;
  /** A page of one program alone: when the program writes to it, the page is made writable, not copied. */
  readonly exclusive: boolean;
  readonly swapCache: boolean;
  /** The file a page of the page cache belongs to: kernel address of its struct inode, and the page's index in it. */
  readonly file: { readonly inode: number; readonly index: number } | undefined;
  readonly references: number;
  /** How many page tables the kernel thinks it is in; 0 for a typed page, which keeps its type there. */
  readonly mapCount: number;
}

/** A byte of a page descriptor. */
export interface DescriptorByte {
  readonly frame: Pfn;
  readonly offset: number;
}

/**
 * The descriptors of all frames from number 0, an array in virtual memory. i386 has it in the direct mapping, x86-64 maps it by
 * itself (vmemmap), with holes where there is no RAM.
 */
export interface PageArray {
  /** Kernel address of the descriptor of frame 0. */
  readonly address: Va;
  readonly descriptorBytes: number;
  /** Physical address of a byte of a frame's descriptor; undefined when the frame has none. */
  at(frame: Pfn, offsetBytes?: number): Gpa | undefined;
  /** What descriptor the byte at a physical address is part of. */
  byteAt(at: Gpa): DescriptorByte | undefined;
  /** All of it that is mapped, ascending. Each piece is as long as possible. */
  readonly pieces: readonly ArrayPiece[];
}

/** A piece of the array, in consecutive bytes of RAM. */
export interface ArrayPiece {
  readonly at: Gpa;
  readonly lengthBytes: number;
  /** Where in the array it begins, in bytes. */
  readonly within: number;
}

const UNMAPPED = -1;

export function pageArray(kernel: GuestKernel): PageArray {
  const address = va(constant(kernel.layout, 'vmemmap'));
  const descriptorBytes = constant(kernel.layout, 'sizeof(page)');
  const lengthBytes = kernel.memory.pageCount * descriptorBytes;
  // The array is mapped page by page, from the boundary at or below its beginning. No field crosses a boundary.
  const leadBytes = address - Math.floor(address / PAGE_BYTES) * PAGE_BYTES;
  const pages = Float64Array.from(
    { length: Math.ceil((leadBytes + lengthBytes) / PAGE_BYTES) },
    (_, i) => physicalIfMapped(kernel, address - leadBytes, i * PAGE_BYTES) ?? UNMAPPED,
  );
  let indices: Map<Pfn, number> | undefined;
  return {
    address,
    descriptorBytes,
    pieces: piecesOf(pages, leadBytes, lengthBytes),
    at: (frame, offsetBytes = 0) => {
      const within = leadBytes + frame * descriptorBytes + offsetBytes;
      const page = pages[Math.floor(within / PAGE_BYTES)] ?? UNMAPPED;
      return page === UNMAPPED ? undefined : gpa(page + (within % PAGE_BYTES));
    },
    byteAt: (at) => {
      indices ??= new Map([...pages].map((page, index) => [pfnOfGpa(gpa(page)), index]));
      const index = indices.get(pfnOfGpa(at));
      if (index === undefined) return undefined;
      const within = index * PAGE_BYTES + (at % PAGE_BYTES) - leadBytes;
      if (within < 0 || within >= lengthBytes) return undefined;
      return { frame: pfn(Math.floor(within / descriptorBytes)), offset: within % descriptorBytes };
    },
  };
}

/** `pages`: physical address of each page of the array, which begins `leadBytes` after the first one. */
function piecesOf(pages: Float64Array, leadBytes: number, lengthBytes: number): readonly ArrayPiece[] {
  const pieces: ArrayPiece[] = [];
  pages.forEach((page, index) => {
    if (page === UNMAPPED) return;
    const begin = Math.max(0, index * PAGE_BYTES - leadBytes);
    const end = Math.min(lengthBytes, (index + 1) * PAGE_BYTES - leadBytes);
    const at = gpa(page + begin + leadBytes - index * PAGE_BYTES);
    const last = pieces.at(-1);
    if (last && last.within + last.lengthBytes === begin && last.at + last.lengthBytes === at)
      pieces[pieces.length - 1] = { ...last, lengthBytes: last.lengthBytes + end - begin };
    else pieces.push({ at, within: begin, lengthBytes: end - begin });
  });
  return pieces;
}

/** The frame whose descriptor lies at a kernel address; no whole number for an address that is none of a descriptor. */
export const frameOfDescriptor = (array: PageArray, address: number): Pfn =>
  ((address - array.address) / array.descriptorBytes) as Pfn;

/** What is known of a frame that the kernel has no descriptor for. */
const HOLE: PageState = {
  flags: 0,
  reserved: true,
  type: undefined,
  buddyOrder: undefined,
  head: undefined,
  slabCache: undefined,
  onLru: false,
  anonymous: false,
  exclusive: false,
  swapCache: false,
  file: undefined,
  references: 0,
  mapCount: 0,
};

const TYPES = ['buddy', 'offline', 'table', 'guard', 'slab'] as const;
/** In the low bits of its mapping the kernel keeps what kind of mapping it is. */
export const MAPPING_LOW_BITS = 3;
/** The bit of the pointer to the first page of a compound one. */
export const TAIL = 1;

/** Values that are used often. They are read once per kernel. */
export interface PageReader {
  readonly array: PageArray;
  state(frame: Pfn): PageState;
}

export function pageReader(kernel: GuestKernel): PageReader {
  const { memory, layout } = kernel;
  const array = pageArray(kernel);
  const at = (name: string): number => constant(layout, name);
  const bit = (name: string): number => 2 ** at(name);
  const offsets = {
    flags: at('page.flags'),
    lru: at('page.lru'),
    mapping: at('page.mapping'),
    index: at('page.index'),
    private: at('page.private'),
    type: at('page.page_type'),
    references: at('page._refcount'),
    slabCache: at('slab.slab_cache'),
    cacheName: at('kmem_cache.name'),
    host: at('address_space.host'),
    compoundHead: at('page.compound_head'),
  };
  const bits = {
    reserved: bit('PG_reserved'),
    lru: bit('PG_lru'),
    swapCache: bit('PG_swapcache'),
    swapBacked: bit('PG_swapbacked'),
    exclusive: bit('PG_anon_exclusive'),
  };
  const types = new Map(TYPES.map((name) => [at(`PGTY_${name}`), name]));
  const anonBit = at('PAGE_MAPPING_ANON');

  const compoundHead = (frame: Pfn): Pfn | undefined => {
    const tail = array.at(frame, offsets.compoundHead);
    if (tail === undefined || (readU32(memory, tail) & TAIL) === 0) return undefined;
    return frameOfDescriptor(array, readPointer(kernel, tail, TAIL));
  };

  /** Undefined for a slab page without a cache: KFENCE marks its pool as slab pages long before a cache uses one. */
  const cacheName = (cache: number): string | undefined => {
    const name = cache === 0 ? 0 : kernelWord(kernel, cache, offsets.cacheName);
    return name === 0 ? undefined : readString(memory, physical(kernel, name), 64);
  };

  const state = (frame: Pfn): PageState => {
    const here = array.at(frame);
    if (here === undefined) return HOLE;
    const field = (offset: number): number => readU32(memory, gpa(here + offset));
    const word = (offset: number): number => readWord(kernel, gpa(here + offset));
    const flags = field(offsets.flags);
    const type = types.get(field(offsets.type) >>> 24);
    const head = type === undefined ? compoundHead(frame) : undefined;
    const mappingKind = field(offsets.mapping) & MAPPING_LOW_BITS;
    const onLru = (flags & bits.lru) !== 0;
    const untyped = type === undefined && head === undefined;
    const anonymous = untyped && (mappingKind & anonBit) !== 0;
    const swapCache = untyped && (flags & bits.swapBacked) !== 0 && (flags & bits.swapCache) !== 0;
    const mapping = untyped && mappingKind === 0 && !swapCache ? word(offsets.mapping) : 0;
    return {
      flags,
      reserved: (flags & bits.reserved) !== 0,
      type,
      buddyOrder: type === 'buddy' ? word(offsets.private) : undefined,
      head,
      slabCache: type === 'slab' ? cacheName(word(offsets.slabCache)) : undefined,
      onLru,
      anonymous,
      // Each page of a large one has its own bit. The bit means something else for what is not anonymous.
      exclusive: (flags & bits.exclusive) !== 0 && (anonymous || head !== undefined),
      swapCache,
      file:
        mapping === 0 ? undefined : { inode: kernelWord(kernel, mapping, offsets.host), index: word(offsets.index) },
      references: field(offsets.references),
      mapCount: type === undefined ? (field(offsets.type) + 1) | 0 : 0,
    };
  };
  return { array, state };
}
