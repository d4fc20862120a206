// SPDX-License-Identifier: MIT
/**
 * On which disk the sectors of a block device are. A device of the device mapper has a table of targets, and each maps its part of the
 * device to something else: it is followed where sector n of the part is sector n of a place on one device below.
 */
import { GuestError } from '../machine/errors.js';
import { kernelU32, kernelWord, physical, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { readString, readU64 } from './view.js';

/** Sectors of a device that lie in one piece on a disk. */
export interface Extent {
  /** Of the device, the first of these. */
  readonly first: number;
  /** Infinity for a device that is all on one disk. */
  readonly sectors: number;
  /** As the kernel names it: `sda`; or `dm-0` where the device mapper has another mapping. */
  readonly disk: string;
  /** Where the first is on that disk. */
  readonly startSector: number;
}

/** The types of targets that are followed, with the structure that says where to: it has the fields `dev` and `start`. */
const FOLLOWED: ReadonlyMap<string, string> = new Map([
  ['linear', 'linear_c'],
  ['crypt', 'crypt_config'],
]);

/**
 * All sectors of a `struct block_device`, in their order. Substitutes are not followed: the answer is where the data were before.
 * Throws GuestError when the structures make no sense.
 */
export function extentsOf(kernel: GuestKernel, device: number): readonly Extent[] {
  return extentsBelow(kernel, device, []);
}

/** `above`: the disks of the devices that stand on this one. */
function extentsBelow(kernel: GuestKernel, device: number, above: readonly number[]): readonly Extent[] {
  const { layout, memory } = kernel;
  const at = (name: string): number => constant(layout, name);
  const gendisk = kernelWord(kernel, device, at('block_device.bd_disk'));
  const disk = readString(memory, physical(kernel, gendisk, at('gendisk.disk_name')), at('DISK_NAME_LEN'));
  const table = disk.startsWith('dm-') ? tableOf(kernel, gendisk) : 0;
  if (table === 0) {
    const startSector = readU64(memory, physical(kernel, device, at('block_device.bd_start_sect')));
    return [{ first: 0, sectors: Infinity, disk, startSector }];
  }
  if (above.includes(gendisk)) throw new GuestError(`the device ${disk} is mapped to itself`);
  return targetsOf(kernel, table).flatMap(({ first, sectors, to }) =>
    to === undefined
      ? [{ first, sectors, disk, startSector: first }]
      : extentsBelow(kernel, to.device, [...above, gendisk])
          .flatMap((extent) => clipped(extent, to.start, sectors))
          .map((extent) => ({ ...extent, first: extent.first - to.start + first })),
  );
}

/** What of an extent is in the `sectors` sectors from `first` on: one extent or none. */
export function clipped(extent: Extent, first: number, sectors: number): readonly Extent[] {
  const from = Math.max(extent.first, first);
  const end = Math.min(extent.first + extent.sectors, first + sectors);
  if (from >= end) return [];
  return [{ ...extent, first: from, sectors: end - from, startSector: extent.startSector + from - extent.first }];
}

/** The table that a mapped device uses; 0 if it has none. */
function tableOf(kernel: GuestKernel, gendisk: number): number {
  const mapped = kernelWord(kernel, gendisk, constant(kernel.layout, 'gendisk.private_data'));
  return mapped === 0 ? 0 : kernelWord(kernel, mapped, constant(kernel.layout, 'mapped_device.map'));
}

/** In sectors. */
interface Target {
  readonly first: number;
  readonly sectors: number;
  /** Undefined for a target that is not followed. */
  readonly to: { readonly device: number; readonly start: number } | undefined;
}

function targetsOf(kernel: GuestKernel, table: number): readonly Target[] {
  const { layout, memory } = kernel;
  const at = (name: string): number => constant(layout, name);
  const count = kernelU32(kernel, table, at('dm_table.num_targets'));
  const first = kernelWord(kernel, table, at('dm_table.targets'));
  const targets: Target[] = [];
  for (let i = 0; i < count; i++) {
    const target = first + i * at('sizeof(dm_target)');
    const type = kernelWord(kernel, target, at('dm_target.type'));
    const name = kernelWord(kernel, type, at('target_type.name'));
    const structure = FOLLOWED.get(readString(memory, physical(kernel, name), at('DM_MAX_TYPE_NAME')));
    const own = kernelWord(kernel, target, at('dm_target.private'));
    targets.push({
      first: readU64(memory, physical(kernel, target, at('dm_target.begin'))),
      sectors: readU64(memory, physical(kernel, target, at('dm_target.len'))),
      to:
        structure === undefined
          ? undefined
          : {
              device: kernelWord(kernel, kernelWord(kernel, own, at(`${structure}.dev`)), at('dm_dev.bdev')),
              start: readU64(memory, physical(kernel, own, at(`${structure}.start`))),
            },
    });
  }
  return targets;
}
