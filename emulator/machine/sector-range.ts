// SPDX-License-Identifier: MIT
/** Ranges of sectors, and the writes that reach them. */
import type { DiskWrite, SectorRange } from './contract.js';
import { SECTOR_BYTES, type Sector } from './units.js';

/** Whether a write of so many sectors from `at` on reaches one of `range`. */
export const reaches = (range: SectorRange, at: Sector, sectors: number): boolean =>
  at < range.first + range.count && at + sectors > range.first;

/** How many of these writes reach one of the sectors. */
export const countReaching = (range: SectorRange, writes: readonly DiskWrite[] = []): number =>
  writes.filter(({ sector, bytes }) => reaches(range, sector, bytes.length / SECTOR_BYTES)).length;
