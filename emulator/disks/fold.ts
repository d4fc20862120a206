// SPDX-License-Identifier: MIT
/** Makes a long log short: what was overwritten since is left out. */
import type { DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES, sector } from '../machine/units.js';

/** Pieces of a folded log are at most so long: to build one takes as much memory again. */
const PIECE_SECTORS_MAX = 2048;

/**
 * A log that leaves a disk with the same content as `log` does, but holds each sector once, in order of sectors. When its
 * writes were made is not told: their instruction is 1, that of no machine, but not 0, which stands for alterations from outside.
 */
export function foldLog(log: readonly DiskWrite[]): readonly DiskWrite[] {
  const latest = latestWrites(log);
  const sectors = Float64Array.from(latest.keys()).sort();
  const folded: DiskWrite[] = [];
  for (let from = 0; from < sectors.length; ) {
    const start = sectors[from] ?? 0;
    let to = from + 1;
    while (to < sectors.length && sectors[to] === start + (to - from) && to - from < PIECE_SECTORS_MAX) to++;
    const bytes = new Uint8Array((to - from) * SECTOR_BYTES);
    for (let at = 0; at < to - from; ) at = copyFrom(latest, start, at, bytes);
    folded.push({ instruction: 1, sector: sector(start), bytes });
    from = to;
  }
  return folded;
}

/** For each sector that was written, the last write that covers it. */
function latestWrites(log: readonly DiskWrite[]): Map<number, DiskWrite> {
  const latest = new Map<number, DiskWrite>();
  for (const write of log) for (let at = 0; at * SECTOR_BYTES < write.bytes.length; at++) latest.set(write.sector + at, write);
  return latest;
}

/** Copies as many sectors as come from the same write, from `start + at` on; answers where the next ones begin. */
function copyFrom(latest: ReadonlyMap<number, DiskWrite>, start: number, at: number, bytes: Uint8Array): number {
  const write = latest.get(start + at);
  let end = at + 1;
  while (end * SECTOR_BYTES < bytes.length && latest.get(start + end) === write) end++;
  const offset = (start + at - (write?.sector ?? 0)) * SECTOR_BYTES;
  if (write) bytes.set(write.bytes.subarray(offset, offset + (end - at) * SECTOR_BYTES), at * SECTOR_BYTES);
  return end;
}
