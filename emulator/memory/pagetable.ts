// SPDX-License-Identifier: MIT
/**
 * x86's page tables, of two to five levels. Level 1 holds pages; the top level is the directory.
 *
 * Entries have 4 bytes (i386 without PAE: 1,024 in a table) or 8 (512 in a table; the directory of PAE has four). An entry of
 * level 2 or 3 with the bit PS is a large page: 4 MiB or 2 MiB, and 1 GiB.
 */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, gpa, pfn, type Gpa, type Pfn } from '../machine/units.js';
import { readU32, va, type GuestMemory, type Va } from './view.js';

const PRESENT = 1;
const WRITABLE = 2;
/** Set by the processor: when it uses the entry, and when it writes by it. */
export const ACCESSED = 0x20;
export const DIRTY = 0x40;
const LARGE = 0x80;
const LARGE_LEVELS_MAX = 3;
/** Bits 32 to 51 of an entry of 8 bytes belong to the frame; above are NX, protection keys and what software keeps there. */
const FRAME_HIGH = 0xfffff;

/** The format of a kernel's page tables. */
export interface Paging {
  readonly levels: 2 | 3 | 4 | 5;
  readonly entryBytes: 4 | 8;
}

/** i386 without PAE. */
export const TWO_LEVELS: Paging = { levels: 2, entryBytes: 4 };

const indexBits = ({ entryBytes }: Paging): number => (entryBytes === 4 ? 10 : 9);
/** Bytes that one entry of a level maps. */
const spanBytes = (paging: Paging, level: number): number => PAGE_BYTES * 2 ** (indexBits(paging) * (level - 1));
/** Bytes that a whole directory maps: 2^32, 2^48 or 2^57. */
const spaceBytes = (paging: Paging): number =>
  paging.levels <= 3 ? 2 ** 32 : spanBytes(paging, paging.levels) * 2 ** indexBits(paging);

/** One past the last address of programs on x86-64: the lower half of what page tables map. */
export const lowerHalfEnd = (paging: Paging): number => spaceBytes(paging) / 2;

/** The first frame that an entry leads to: a page, the first one of a large page, or the next table. */
function frameOf(memory: GuestMemory, { entryBytes }: Paging, at: Gpa, low: number): number {
  const high = entryBytes === 4 ? 0 : readU32(memory, gpa(at + 4)) & FRAME_HIGH;
  return high * 2 ** 20 + (low >>> 12);
}

const isLarge = (low: number, level: number): boolean => level > 1 && level <= LARGE_LEVELS_MAX && (low & LARGE) !== 0;

/** Bits of a frame number below the alignment of a large page are flags (PAT), not part of the address. */
const alignedDown = (frame: number, pages: number): number => frame - (frame % pages);

/** Physical address behind a virtual one, or undefined when nothing is mapped there. */
export const translate = (memory: GuestMemory, paging: Paging, directory: Gpa, address: Va): Gpa | undefined =>
  entryFor(memory, paging, directory, address)?.target;

/** The entry that maps an address, of whatever level. */
export interface Entry {
  readonly at: Gpa;
  /** Its lower 32 bits. */
  readonly low: number;
  /** The physical address behind the virtual one. */
  readonly target: Gpa;
}

/** The entry that maps an address, or undefined when nothing is mapped there. */
export function entryFor(memory: GuestMemory, paging: Paging, directory: Gpa, address: Va): Entry | undefined {
  // Counted in pages, since the sum of a space of 57 bits and an address is no longer exact.
  const page = Math.floor(address / PAGE_BYTES);
  const offset = address - page * PAGE_BYTES;
  const spacePages = spaceBytes(paging) / PAGE_BYTES;
  let within = page < 0 ? page + spacePages : page;
  if (!(within >= 0 && within < spacePages)) return undefined;
  let table = directory;
  for (let level: number = paging.levels; ; level--) {
    const spanPages = spanBytes(paging, level) / PAGE_BYTES;
    const index = Math.floor(within / spanPages);
    within -= index * spanPages;
    const at = gpa(table + paging.entryBytes * index);
    const low = readU32(memory, at);
    if ((low & PRESENT) === 0) return undefined;
    const frame = frameOf(memory, paging, at, low);
    if (isLarge(low, level))
      return { at, low, target: gpa((alignedDown(frame, spanPages) + within) * PAGE_BYTES + offset) };
    if (level === 1) return { at, low, target: gpa(frame * PAGE_BYTES + offset) };
    table = gpa(frame * PAGE_BYTES);
  }
}

/** What a directory holds in `[from, to)` of virtual addresses, page by page; a large page comes once per 4 KiB. */
export interface Mapping {
  readonly address: Va;
  /** May lie beyond RAM, for device memory. */
  readonly frame: Pfn;
  /** True when a write causes no page fault. */
  readonly writable: boolean;
  /** True when it is part of a large page that one entry maps. */
  readonly large: boolean;
}

/** A table of any level below the directory. */
export interface Table {
  readonly frame: Pfn;
  /** The first address that it maps. */
  readonly address: Va;
}

interface Leaf {
  /** Of its first page. */
  readonly address: number;
  readonly writable: boolean;
  /** A table of level 1, or a large page. */
  readonly table: Gpa | undefined;
  readonly frame: number;
  readonly pages: number;
}

/** All below a directory that maps something in `[from, to)`, which lies in one half of the address space. */
function walk(
  memory: GuestMemory,
  paging: Paging,
  directory: Gpa,
  from: number,
  to: number,
): { readonly tables: readonly Table[]; readonly leaves: readonly Leaf[] } {
  const found: Table[] = [];
  const leaves: Leaf[] = [];
  const entries = 2 ** indexBits(paging);

  const descend = (table: Gpa, level: number, base: number, mayWrite: boolean): void => {
    const span = spanBytes(paging, level);
    const first = Math.max(0, Math.floor((from - base) / span));
    const end = Math.min(entries, Math.ceil((to - base) / span));
    for (let index = first; index < end; index++) {
      const at = gpa(table + paging.entryBytes * index);
      const low = readU32(memory, at);
      if ((low & PRESENT) === 0) continue;
      const address = base + index * span;
      const frame = frameOf(memory, paging, at, low);
      // The directory of PAE has no bit that forbids writing.
      const writable = mayWrite && ((low & WRITABLE) !== 0 || (level === 3 && paging.levels === 3));
      if (isLarge(low, level)) {
        const pages = span / PAGE_BYTES;
        leaves.push({ address, writable, table: undefined, frame: alignedDown(frame, pages), pages });
        continue;
      }
      if (found.length > 2 * memory.pageCount)
        throw new GuestError(`page tables lead from one to another without an end`, {
          remedy: 'the guest has corrupted its page tables, or kernel and layout table do not belong together',
        });
      found.push({ frame: pfn(frame), address: va(address) });
      const below = gpa(frame * PAGE_BYTES);
      if (level === 2) leaves.push({ address, writable, table: below, frame: 0, pages: entries });
      else descend(below, level - 1, address, writable);
    }
  };
  descend(directory, paging.levels, from < 0 ? -spaceBytes(paging) : 0, true);
  return { tables: found, leaves };
}

export function* mappings(
  memory: GuestMemory,
  paging: Paging,
  directory: Gpa,
  from: Va,
  to: number,
): Generator<Mapping> {
  for (const { address: start, table, writable, frame, pages } of walk(memory, paging, directory, from, to).leaves) {
    const first = Math.max(0, Math.ceil((from - start) / PAGE_BYTES));
    const end = Math.min(pages, Math.ceil((to - start) / PAGE_BYTES));
    for (let index = first; index < end; index++) {
      const address = va(start + index * PAGE_BYTES);
      if (table === undefined) {
        yield { address, frame: pfn(frame + index), writable, large: true };
        continue;
      }
      const at = gpa(table + paging.entryBytes * index);
      const low = readU32(memory, at);
      if ((low & PRESENT) !== 0)
        yield {
          address,
          frame: pfn(frameOf(memory, paging, at, low)),
          writable: writable && (low & WRITABLE) !== 0,
          large: false,
        };
    }
  }
}

/** The tables that a directory uses in `[from, to)`, upper levels first. */
export const tables = (memory: GuestMemory, paging: Paging, directory: Gpa, from: Va, to: number): readonly Table[] =>
  walk(memory, paging, directory, from, to).tables;
