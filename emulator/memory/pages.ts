// SPDX-License-Identifier: MIT
/** The kernel's array of page descriptors (mem_map), with the state of each frame. */
import { gpa, type Gpa, type Pfn } from '../machine/units.js';
import { kernelU32, physical, variable, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { readString, readU32 } from './view.js';

export interface PageState {
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
  readonly swapCache: boolean;
  /** The file a page of the page cache belongs to: kernel address of its struct inode, and the page's index in it. */
  readonly file: { readonly inode: number; readonly index: number } | undefined;
  readonly references: number;
  /** How many page tables the kernel thinks it is in; 0 for a typed page, which keeps its type there. */
  readonly mapCount: number;
}

/** Number of frames that mem_map describes from pfn 0, and where it lies. */
export interface PageArray {
  readonly at: Gpa;
  readonly descriptorBytes: number;
}

export function pageArray(kernel: GuestKernel): PageArray {
  return {
    at: physical(kernel, variable(kernel, 'mem_map')),
    descriptorBytes: constant(kernel.layout, 'sizeof(page)'),
  };
}

const descriptor = (array: PageArray, frame: Pfn): Gpa => gpa(array.at + frame * array.descriptorBytes);

/** The frame whose descriptor lies at a kernel address. */
export function frameOfDescriptor(kernel: GuestKernel, array: PageArray, address: number): Pfn {
  return ((physical(kernel, address) - array.at) / array.descriptorBytes) as Pfn;
}

const TYPES = ['buddy', 'offline', 'table', 'guard', 'slab'] as const;
const MAPPING_LOW_BITS = 3;

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
  };
  const bits = {
    reserved: bit('PG_reserved'),
    lru: bit('PG_lru'),
    swapCache: bit('PG_swapcache'),
    swapBacked: bit('PG_swapbacked'),
  };
  const types = new Map(TYPES.map((name) => [at(`PGTY_${name}`), name]));
  const anonBit = at('PAGE_MAPPING_ANON');

  const compoundHead = (frame: Pfn): Pfn | undefined => {
    const word = readU32(memory, gpa(descriptor(array, frame) + at('page.compound_head')));
    return (word & 1) === 0 ? undefined : frameOfDescriptor(kernel, array, word - 1);
  };

  /** Undefined for a slab page without a cache: KFENCE marks its pool as slab pages long before a cache uses one. */
  const cacheName = (cache: number): string | undefined => {
    const name = cache === 0 ? 0 : kernelU32(kernel, cache + offsets.cacheName);
    return name === 0 ? undefined : readString(memory, physical(kernel, name), 64);
  };

  const state = (frame: Pfn): PageState => {
    const here = descriptor(array, frame);
    const field = (offset: number): number => readU32(memory, gpa(here + offset));
    const flags = field(offsets.flags);
    const type = types.get(field(offsets.type) >>> 24);
    const head = type === undefined ? compoundHead(frame) : undefined;
    const mapping = field(offsets.mapping);
    const onLru = (flags & bits.lru) !== 0;
    const untyped = type === undefined && head === undefined;
    const anonymous = untyped && (mapping & anonBit) !== 0;
    const swapCache = untyped && (flags & bits.swapBacked) !== 0 && (flags & bits.swapCache) !== 0;
    const isFile = untyped && mapping !== 0 && (mapping & MAPPING_LOW_BITS) === 0 && !swapCache;
    return {
      flags,
      reserved: (flags & bits.reserved) !== 0,
      type,
      buddyOrder: type === 'buddy' ? field(offsets.private) : undefined,
      head,
      slabCache: type === 'slab' ? cacheName(field(offsets.slabCache)) : undefined,
      onLru,
      anonymous,
      swapCache,
      file: isFile ? { inode: kernelU32(kernel, mapping + offsets.host), index: field(offsets.index) } : undefined,
      references: field(offsets.references),
      mapCount: type === undefined ? (field(offsets.type) + 1) | 0 : 0,
    };
  };
  return { array, state };
}
