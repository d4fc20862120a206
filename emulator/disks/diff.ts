// SPDX-License-Identifier: MIT
/** Sectors in which two disks differ. */
import type { DiskConfig } from '../machine/contract.js';
import { InputError } from '../machine/errors.js';
import { SECTOR_BYTES, sector, type Sector } from '../machine/units.js';
import { materialise, readSectors } from './disk.js';

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
  if (one.byteLength !== other.byteLength) throw new InputError(`disks of ${one.byteLength} and ${other.byteLength} bytes cannot be compared`);
  const differing: number[] = [];
  const sectors = one.byteLength / SECTOR_BYTES;
  const [left, right] = [asWords(one), asWords(other)];
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
  const touched = new Set<number>();
  for (const { sector: start, bytes } of [...(one.overlay ?? []), ...(other.overlay ?? [])]) {
    for (let at = 0; at < bytes.length / SECTOR_BYTES; at++) touched.add(start + at);
  }
  const differing: number[] = [];
  for (const { start, count } of rangesOf([...touched].sort((a, b) => a - b))) {
    const diff = diffSectors(readSectors(one, start, count), readSectors(other, start, count));
    for (const range of diff.ranges) for (let at = 0; at < range.count; at++) differing.push(start + range.start + at);
  }
  return { sectorsCompared: one.base.byteLength / SECTOR_BYTES, sectorsDiffering: differing.length, ranges: rangesOf(differing) };
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

function asWords(bytes: Uint8Array): Int32Array {
  return bytes.byteOffset % 4 === 0 ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) : new Int32Array(bytes.slice().buffer);
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
