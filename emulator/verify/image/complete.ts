// SPDX-License-Identifier: MIT
/**
 * A kernel finds an image in swap by its signature, and power can fail at every write. So the signature must be written
 * last. The order of the writes shows whether it was; no machine has to lose power for this check.
 */
import type { DiskWrite } from '../../machine/contract.js';
import { PAGE_BYTES, SECTOR_BYTES } from '../../machine/units.js';
import { IMAGE_SIGNATURE } from './swap.js';

const PAGE_SECTORS = PAGE_BYTES / SECTOR_BYTES;
const SIGNATURE_OFFSET = 4086;

/** Where a swap area lies on its disk. */
export interface SwapOnDisk {
  /** First sector of the block device that holds the area: a partition, or what carries the filesystem of a file. */
  readonly startSector: number;
  /** The page of that device with the header of the area. */
  readonly headerPage: number;
}

/**
 * How many writes to pages of the image came after the one that brought the signature; 0 when there is no signature
 * among `writes`, which are those to the disk since the atomic copy. `pagesUsed` are pages of the block device.
 */
export function writesAfterSignature(
  writes: readonly DiskWrite[],
  { startSector, headerPage }: SwapOnDisk,
  pagesUsed: readonly number[],
): number {
  const signed = writes.findIndex((write) => bringsSignature(write, startSector + headerPage * PAGE_SECTORS));
  if (signed < 0) return 0;
  const used = new Set(pagesUsed);
  return writes.slice(signed + 1).filter(({ sector, bytes }) => {
    const first = Math.floor((sector - startSector) / PAGE_SECTORS);
    const last = Math.floor((sector - startSector + bytes.length / SECTOR_BYTES - 1) / PAGE_SECTORS);
    for (let page = Math.max(0, first); page <= last; page++) if (used.has(page)) return true;
    return false;
  }).length;
}

/** The first sectors of the pages that got the signature by one of these writes, the last write first. */
export const signedPages = (writes: readonly DiskWrite[]): readonly number[] =>
  writes
    .toReversed()
    .flatMap((write) =>
      Array.from({ length: write.bytes.length / PAGE_BYTES }, (_, page) => write.sector + page * PAGE_SECTORS).filter(
        (sector) => bringsSignature(write, sector),
      ),
    );

function bringsSignature({ sector, bytes }: DiskWrite, headerSector: number): boolean {
  const at = (headerSector - sector) * SECTOR_BYTES + SIGNATURE_OFFSET;
  if (at < 0 || at + IMAGE_SIGNATURE.length > bytes.length) return false;
  return [...IMAGE_SIGNATURE].every((character, index) => bytes[at + index] === character.charCodeAt(0));
}
