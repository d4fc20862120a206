// SPDX-License-Identifier: MIT
/** Sectors in which two disks differ. */
import { wordsOf } from '../machine/bytes.js';
import type { DiskConfig, DiskWrite } from '../machine/contract.js';
import { InputError } from '../machine/errors.js';
import { SECTOR_BYTES, sector, type Sector } from '../machine/units.js';
import { materialise } from './disk.js';
import { diskReader, latestWrites, NOT_WRITTEN } from './latest.js';

/** Neighbouring sectors. */
export interface SectorRange {
  readonly start: Sector;
  readonly count: number;
}

export interface DiskDiff {
  readonly sectorsCompared: number;
  readonly sectorsDiffering: number;
  /** Ascending, never adjoining. */
  readonly ranges: readonly SectorRange[];
}

/**
 * Compares two contents of one disk, sector by sector.
 * @throws InputError when they differ in size.
 */
export function diffSectors(one: Uint8Array, other: Uint8Array): DiskDiff {
  if (one.byteLength !== other.byteLength)
    throw new InputError(`disks of ${one.byteLength} and ${other.byteLength} bytes cannot be compared`);
  const differing: number[] = [];
  const sectors = one.byteLength / SECTOR_BYTES;
  const [left, right] = [wordsOf(one), wordsOf(other)];
  const wordsPerSector = SECTOR_BYTES / 4;
  // A stretch of sectors at a time; only one that differs is looked at more closely.
  const stretch = 16;
  for (let first = 0; first < sectors; first += stretch) {
    const last = Math.min(first + stretch, sectors);
    if (equalWords(left, right, first * wordsPerSector, last * wordsPerSector)) continue;
    for (let at = first; at < last; at++) {
      if (!equalWords(left, right, at * wordsPerSector, (at + 1) * wordsPerSector)) differing.push(at);
    }
  }
  return { sectorsCompared: sectors, sectorsDiffering: differing.length, ranges: rangesOf(differing) };
}

/**
 * Compares two disks. Over one and the same base only sectors that either log touches can differ, and only those are
 * read; `sectorsCompared` counts all sectors all the same, since each is known to be equal or not.
 */
export function diffDisks(one: DiskConfig, other: DiskConfig): DiskDiff {
  if (one.base !== other.base) return diffSectors(materialise(one), materialise(other));
  const [left, right] = [latestWrites(one.overlay ?? []), latestWrites(other.overlay ?? [])];
  const mayDiffer = (at: number): boolean => writeOf(one, left, at) !== writeOf(other, right, at);
  const [readOne, readOther] = [diskReader(one, left), diskReader(other, right)];
  const end = Math.max(left.length, right.length);
  const differing: number[] = [];
  for (let from = 0, to = 0; from < end; from = to) {
    to = from + 1;
    if (!mayDiffer(from)) continue;
    while (to < end && mayDiffer(to)) to++;
    const [offset, lengthBytes] = [from * SECTOR_BYTES, (to - from) * SECTOR_BYTES];
    const diff = diffSectors(readOne(offset, lengthBytes), readOther(offset, lengthBytes));
    for (const range of diff.ranges) for (let at = 0; at < range.count; at++) differing.push(from + range.start + at);
  }
  return {
    sectorsCompared: one.base.byteLength / SECTOR_BYTES,
    sectorsDiffering: differing.length,
    ranges: rangesOf(differing),
  };
}

/**
 * The origin of a sector's content. Two disks are equal in a sector that both have from the same write, or both from
 * the base.
 */
function writeOf({ overlay = [] }: DiskConfig, latest: Int32Array, at: number): DiskWrite | undefined {
  const index = at < latest.length ? (latest[at] as number) : NOT_WRITTEN;
  return index === NOT_WRITTEN ? undefined : overlay[index];
}

/** Ascending sector numbers as ranges. */
export function rangesOf(sectors: readonly number[]): SectorRange[] {
  const ranges: { start: Sector; count: number }[] = [];
  for (const at of sectors) {
    const last = ranges.at(-1);
    if (last && last.start + last.count === at) last.count++;
    else ranges.push({ start: sector(at), count: 1 });
  }
  return ranges;
}

/** Eight words at a time: the or of their differences is 0 when all are equal. `to - from` is a multiple of 8. */
function equalWords(one: Int32Array, other: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 8) {
    const difference =
      ((one[at] as number) ^ (other[at] as number)) |
      ((one[at + 1] as number) ^ (other[at + 1] as number)) |
      ((one[at + 2] as number) ^ (other[at + 2] as number)) |
      ((one[at + 3] as number) ^ (other[at + 3] as number)) |
      ((one[at + 4] as number) ^ (other[at + 4] as number)) |
      ((one[at + 5] as number) ^ (other[at + 5] as number)) |
      ((one[at + 6] as number) ^ (other[at + 6] as number)) |
      ((one[at + 7] as number) ^ (other[at + 7] as number));
    if (difference !== 0) return false;
  }
  return true;
}
