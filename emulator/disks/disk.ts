// SPDX-License-Identifier: MIT
/** A disk as a base and a log: its content at any instant is the base with a prefix of the log applied. */
import { InputError } from '../machine/errors.js';
import type { DiskConfig, DiskWrite } from '../machine/contract.js';
import { SECTOR_BYTES, type Sector } from '../machine/units.js';
import { filler, whole } from './pieces.js';

/** How much of a log has reached the disk: `writes` whole ones, then `tornSectors` of the next. */
export interface Prefix {
  readonly writes: number;
  readonly tornSectors?: number;
}

/**
 * The writes of `log` that have landed at `prefix`; a torn one is cut to what landed.
 * @throws InputError when the log has not so many writes, or the torn one not so many sectors.
 */
export function landed(log: readonly DiskWrite[], prefix: Prefix): readonly DiskWrite[] {
  if (!Number.isInteger(prefix.writes) || prefix.writes < 0 || prefix.writes > log.length) {
    throw new InputError(`a log of ${log.length} writes has no prefix of ${prefix.writes}`);
  }
  const whole = log.slice(0, prefix.writes);
  const { tornSectors = 0 } = prefix;
  if (tornSectors === 0) return whole;
  const torn = log[prefix.writes];
  if (!torn || tornSectors * SECTOR_BYTES >= torn.bytes.length) {
    throw new InputError(
      `write ${prefix.writes} cannot be torn after ${tornSectors} sectors: it has ${torn ? torn.bytes.length / SECTOR_BYTES : 0}`,
    );
  }
  return [...whole, { ...torn, bytes: torn.bytes.subarray(0, tornSectors * SECTOR_BYTES) }];
}

/** The whole content of a disk: its base under its overlay, in an array of its own. */
export function materialise({ base, overlay = [] }: DiskConfig): Uint8Array {
  const bytes = new Uint8Array(base.byteLength);
  bytes.set(whole(base));
  for (const write of overlay) bytes.set(write.bytes, write.sector * SECTOR_BYTES);
  return bytes;
}

/** `count` sectors of a disk from `start` on, without building the rest. */
export function readSectors({ base, overlay = [] }: DiskConfig, start: Sector, count: number): Uint8Array {
  const from = start * SECTOR_BYTES;
  const to = from + count * SECTOR_BYTES;
  if (to > base.byteLength)
    throw new InputError(`the disk ends at sector ${base.byteLength / SECTOR_BYTES}, before ${start + count}`);
  filler(base)?.(from, to - from);
  // Not slice(): that of Node's Buffer, which a base may be, does not copy.
  const bytes = new Uint8Array(base.subarray(from, to));
  for (const write of overlay) {
    const at = write.sector * SECTOR_BYTES;
    const first = Math.max(at, from);
    const last = Math.min(at + write.bytes.length, to);
    if (first < last) bytes.set(write.bytes.subarray(first - at, last - at), first - from);
  }
  return bytes;
}

/** SHA-256 (hex) of a disk's whole content; `sha256` is the host's. */
export function hashDisk(disk: DiskConfig, sha256: (bytes: Uint8Array) => Promise<string>): Promise<string> {
  return sha256(disk.overlay === undefined || disk.overlay.length === 0 ? whole(disk.base) : materialise(disk));
}
