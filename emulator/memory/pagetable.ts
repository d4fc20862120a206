// SPDX-License-Identifier: MIT
/**
 * i386 page tables without PAE: a directory of 1,024 entries, each a table of 1,024 pages or, with PSE, one 4 MiB page.
 */
import { PAGE_BYTES, gpa, pfn, type Gpa, type Pfn } from '../machine/units.js';
import { readU32, va, type GuestMemory, type Va } from './view.js';

const PRESENT = 1;
const WRITABLE = 2;
const LARGE = 0x80;
const ENTRIES = 1024;
const LARGE_PAGE_BYTES = ENTRIES * PAGE_BYTES;
const FRAME = 0xfffff000;
const LARGE_FRAME = 0xffc00000;

/** Physical address behind a virtual one, or undefined when nothing is mapped there. */
export function translate(memory: GuestMemory, directory: Gpa, address: Va): Gpa | undefined {
  const entry = readU32(memory, gpa(directory + 4 * (address >>> 22)));
  if ((entry & PRESENT) === 0) return undefined;
  if ((entry & LARGE) !== 0) return gpa(((entry & LARGE_FRAME) >>> 0) + (address & (LARGE_PAGE_BYTES - 1)));
  const page = readU32(memory, gpa(((entry & FRAME) >>> 0) + 4 * ((address >>> 12) & (ENTRIES - 1))));
  if ((page & PRESENT) === 0) return undefined;
  return gpa(((page & FRAME) >>> 0) + (address & (PAGE_BYTES - 1)));
}

/** What a directory holds in `[from, to)` of virtual addresses, page by page; a large page comes once per 4 KiB. */
export interface Mapping {
  readonly address: Va;
  /** May lie beyond RAM, for device memory. */
  readonly frame: Pfn;
  /** True when a write causes no page fault. */
  readonly writable: boolean;
  /** True when it is part of a large page that one entry of the directory maps. */
  readonly large: boolean;
}

export function* mappings(memory: GuestMemory, directory: Gpa, from: Va, to: number): Generator<Mapping> {
  for (let slot = from >>> 22; slot * LARGE_PAGE_BYTES < to; slot++) {
    const entry = readU32(memory, gpa(directory + 4 * slot));
    if ((entry & PRESENT) === 0) continue;
    const table = gpa((entry & FRAME) >>> 0);
    for (let index = 0; index < ENTRIES; index++) {
      const address = slot * LARGE_PAGE_BYTES + index * PAGE_BYTES;
      if (address < from || address >= to) continue;
      if ((entry & LARGE) !== 0) {
        yield {
          address: va(address),
          frame: pfn(((entry & LARGE_FRAME) >>> 12) + index),
          writable: (entry & WRITABLE) !== 0,
          large: true,
        };
        continue;
      }
      const page = readU32(memory, gpa(table + 4 * index));
      if ((page & PRESENT) !== 0)
        yield {
          address: va(address),
          frame: pfn(page >>> 12),
          writable: (entry & page & WRITABLE) !== 0,
          large: false,
        };
    }
  }
}

/** The tables that a directory uses in `[from, to)`: frame of the table and the first address that it maps. */
export function* tables(
  memory: GuestMemory,
  directory: Gpa,
  from: Va,
  to: number,
): Generator<Omit<Mapping, 'writable' | 'large'>> {
  for (let slot = from >>> 22; slot * LARGE_PAGE_BYTES < to && slot < ENTRIES; slot++) {
    const entry = readU32(memory, gpa(directory + 4 * slot));
    if ((entry & (PRESENT | LARGE)) === PRESENT)
      yield { address: va(slot * LARGE_PAGE_BYTES), frame: pfn(entry >>> 12) };
  }
}
