// SPDX-License-Identifier: MIT
/**
 * What the live timeline has redirected (drivers/md/dm-substitute.c): the sectors of each substituted device whose data are in the
 * store. The kernel keeps them in an xarray of chunks for each substitute, and each chunk has a bit for each of its sectors.
 */
import { GuestError } from '../machine/errors.js';
import type { Gpa } from '../machine/units.js';
import { kernelWord, listNodes, physical, readPointer, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { clipped, extentsOf } from './mapped-devices.js';
import { readU32, readU8 } from './view.js';

/** Neighbouring sectors whose data are in the store of a snapshot, and not on their device. */
export interface RedirectedRange {
  /**
   * As the kernel names it: `sda`. It is the disk below a device of the device mapper, or `dm-0` where the mapping is not one to one
   * (`mapped-devices.ts`). A loop device is a disk of its own.
   */
  readonly disk: string;
  /** On that disk. */
  readonly startSector: number;
  readonly sectors: number;
}

/**
 * In the order of the substitutes, the youngest snapshot first, and of the sectors of their devices. None without a live timeline, and
 * with a kernel that knows no substitutes. Throws GuestError when the structures make no sense.
 */
export function redirected(kernel: GuestKernel): readonly RedirectedRange[] {
  const { layout, memory } = kernel;
  const sets = layout.values.get('&sets');
  if (sets === undefined) return [];
  const at = (name: string): number => constant(layout, name);
  const found: RedirectedRange[] = [];
  for (const inSets of listNodes(kernel, sets)) {
    const substitutes = inSets - at('dm_substitute_set.list') + at('dm_substitute_set.substitutes');
    for (const node of listNodes(kernel, substitutes)) {
      const substitute = node - at('dm_substitute.list');
      // One that has been taken down keeps its chunks for a while.
      if (readU8(memory, physical(kernel, substitute, at('dm_substitute.active'))) === 0) continue;
      const extents = extentsOf(kernel, kernelWord(kernel, substitute, at('dm_substitute.bdev')));
      for (const { first, sectors } of runsIn(kernel, substitute + at('dm_substitute.chunks')))
        for (const extent of extents)
          for (const { disk, startSector, sectors: there } of clipped(extent, first, sectors))
            found.push({ disk, startSector, sectors: there });
    }
  }
  return found;
}

/** Neighbouring sectors of a device. */
interface Run {
  readonly first: number;
  readonly sectors: number;
}

/** The sectors of its device that are in the chunks of an xarray. */
function runsIn(kernel: GuestKernel, xarray: number): readonly Run[] {
  const { layout, memory } = kernel;
  const chunkSectors = constant(layout, 'CHUNK_SECTORS');
  const valid = constant(layout, 'chunk.valid');
  const runs: { first: number; sectors: number }[] = [];
  for (const { index, address } of entries(kernel, xarray)) {
    const bits = readU8(memory, physical(kernel, address, valid));
    for (let bit = 0; bit < chunkSectors; bit++) {
      if (((bits >>> bit) & 1) === 0) continue;
      const sector = index * chunkSectors + bit;
      const last = runs.at(-1);
      if (last && last.first + last.sectors === sector) last.sectors += 1;
      else runs.push({ first: sector, sectors: 1 });
    }
  }
  return runs;
}

interface Entry {
  readonly index: number;
  readonly address: number;
}

const TAG_BITS = 3;
/** A node of the tree has this tag, and so have small numbers that are no pointers. */
const INTERNAL = 2;
const INTERNAL_MAX = 4096;

/** The pointers of a struct xarray with their indices, which grow. Each node has a lower shift than the one above, so that a walk ends. */
function* entries(kernel: GuestKernel, xarray: number): Generator<Entry> {
  const { layout, memory, addressing } = kernel;
  const [slots, slotCount] = [constant(layout, 'xa_node.slots'), constant(layout, 'XA_CHUNK_SIZE')];
  function* below(at: Gpa, first: number, above: number): Generator<Entry> {
    // With five levels of page tables, a number cannot hold the tag with the pointer.
    const tag = readU32(memory, at) & TAG_BITS;
    const address = readPointer(kernel, at, TAG_BITS);
    if (address === 0) return;
    if (tag === 0) {
      yield { index: first, address };
      return;
    }
    if (tag !== INTERNAL) throw new GuestError('an xarray of chunks has an entry that is no chunk');
    // What holds a place for a moment.
    if (address > 0 && address < INTERNAL_MAX) return;
    const shift = readU8(memory, physical(kernel, address, constant(layout, 'xa_node.shift')));
    if (shift >= above) throw new GuestError('an xarray of chunks has a node that is no smaller than the one above');
    for (let slot = 0; slot < slotCount; slot++)
      yield* below(physical(kernel, address, slots + slot * addressing.wordBytes), first + slot * 2 ** shift, shift);
  }
  yield* below(physical(kernel, xarray, constant(layout, 'xarray.xa_head')), 0, 64);
}
