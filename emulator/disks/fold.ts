// SPDX-License-Identifier: MIT
/** Shortens a log: it leaves out what was overwritten later. */
import type { DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES, sector } from '../machine/units.js';
import { latestWrites, layWrites, NOT_WRITTEN } from './latest.js';

/**
 * Upper bound of the length of a piece of a folded log, because building a piece takes the same amount of memory again.
 */
const PIECE_SECTORS_MAX = 2048;

/**
 * A log that gives a disk the same content as `log`, but contains each sector once, in the order of sectors. It does
 * not tell when the writes were made: their instruction is 1, which no machine uses. (Instruction 0 marks alterations
 * from outside.)
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
