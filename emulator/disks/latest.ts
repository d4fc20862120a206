// SPDX-License-Identifier: MIT
/** Finds for each sector of a disk the write of a log that its content comes from. */
import type { DiskConfig, DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES } from '../machine/units.js';
import { filler } from './pieces.js';

/** Marks a sector that no write covers. */
export const NOT_WRITTEN = -1;

/**
 * By sector: the index in `log` of the last write that covers it, or {@link NOT_WRITTEN}. Ends with the last sector
 * that was written.
 */
export function latestWrites(log: readonly DiskWrite[]): Int32Array {
  const sectors = log.reduce((end, { sector, bytes }) => Math.max(end, sector + bytes.length / SECTOR_BYTES), 0);
  const latest = new Int32Array(sectors).fill(NOT_WRITTEN);
  for (const [index, { sector, bytes }] of log.entries())
    latest.fill(index, sector, sector + bytes.length / SECTOR_BYTES);
  return latest;
}

/** Copies the writes of `log` over `out`, which begins at byte `offset` of the disk. `latest` belongs to that log. */
export function layWrites(log: readonly DiskWrite[], latest: Int32Array, offset: number, out: Uint8Array): void {
  const end = Math.min(latest.length, Math.ceil((offset + out.length) / SECTOR_BYTES));
  // What comes from one write in one go.
  for (let from = Math.floor(offset / SECTOR_BYTES), to = from; from < end; from = to) {
    const index = latest[from] as number;
    for (to = from + 1; to < end && latest[to] === index;) to++;
    const write = index === NOT_WRITTEN ? undefined : log[index];
    if (write === undefined) continue;
    const [firstByte, lastByte] = [
      Math.max(from * SECTOR_BYTES, offset),
      Math.min(to * SECTOR_BYTES, offset + out.length),
    ];
    const at = write.sector * SECTOR_BYTES;
    out.set(write.bytes.subarray(firstByte - at, lastByte - at), firstByte - offset);
  }
}

/**
 * Reads a disk with its writes applied, at any byte. Each answer is a copy in ordinary memory, because some callers
 * cannot read shared memory.
 */
export function diskReader(
  { base, overlay = [] }: DiskConfig,
  latest = latestWrites(overlay),
): (offset: number, lengthBytes: number) => Uint8Array {
  const fill = filler(base);
  return (offset, lengthBytes) => {
    fill?.(offset, lengthBytes);
    // Not slice(): that of Node's Buffer, which a base may be, does not copy.
    const out = new Uint8Array(base.subarray(offset, offset + lengthBytes));
    layWrites(overlay, latest, offset, out);
    return out;
  };
}
