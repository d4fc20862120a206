// SPDX-License-Identifier: MIT
/** Makes a long log short: what was overwritten since is left out. */
import type { DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES, sector } from '../machine/units.js';
import { latestWrites, layWrites, NOT_WRITTEN } from './latest.js';

/** Pieces of a folded log are at most so long: to build one takes as much memory again. */
const PIECE_SECTORS_MAX = 2048;

/**
 * A log that leaves a disk with the same content as `log` does, but holds each sector once, in order of sectors. When its
 * writes were made is not told: their instruction is 1, that of no machine, but not 0, which stands for alterations from outside.
 */
export function foldLog(log: readonly DiskWrite[]): readonly DiskWrite[] {
  const latest = latestWrites(log);
  const folded: DiskWrite[] = [];
  for (let from = 0, to = 0; from < latest.length; from = to) {
    to = from + 1;
    if (latest[from] === NOT_WRITTEN) continue;
    while (to < latest.length && latest[to] !== NOT_WRITTEN && to - from < PIECE_SECTORS_MAX) to++;
    const bytes = new Uint8Array((to - from) * SECTOR_BYTES);
    layWrites(log, latest, from * SECTOR_BYTES, bytes);
    folded.push({ instruction: 1, sector: sector(from), bytes });
  }
  return folded;
}
