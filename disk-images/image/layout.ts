// SPDX-License-Identifier: MIT
/** Computes the places of the partitions of a disk. */
import { InputError } from '../../emulator/machine/errors.js';
import { SECTOR_BYTES } from '../../emulator/machine/units.js';

/** Partitions begin at multiples of this, as with all current tools. */
const ALIGN_BYTES = 2 ** 20;

export interface PartitionPlace {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Places partitions of these sizes one after another. @throws InputError when the disk is too small for them. */
export function placePartitions(
  diskBytes: number,
  table: 'gpt' | 'mbr',
  sizesBytes: readonly number[],
): readonly PartitionPlace[] {
  let at = ALIGN_BYTES;
  const places = sizesBytes.map((lengthBytes) => {
    const place = { offsetBytes: at, lengthBytes };
    at = Math.ceil((at + lengthBytes) / ALIGN_BYTES) * ALIGN_BYTES;
    return place;
  });
  const last = places.at(-1);
  // GPT keeps a second copy of its 33 sectors at the end of the disk.
  const needed = (last ? last.offsetBytes + last.lengthBytes : ALIGN_BYTES) + (table === 'gpt' ? 33 * SECTOR_BYTES : 0);
  if (needed > diskBytes) {
    throw new InputError(`the partitions and their table need ${needed} bytes, the disk has ${diskBytes}`, {
      remedy: `make the disk ${Math.ceil(needed / ALIGN_BYTES)} MiB`,
    });
  }
  return places;
}
