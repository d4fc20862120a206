// SPDX-License-Identifier: MIT
/** A guest's RAM made by hand, in which devices have substitutes. */
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { announcedKernel, type GuestKernel } from '../../../emulator/memory/kernel.js';
import { parseSystemMap } from '../../../emulator/memory/symbols.js';
import { layoutTable, syntheticKernel, type SyntheticMachine } from './synthetic-kernel.js';

/** Offsets with words of 4 bytes; what is no offset is a number. */
const OFFSETS = {
  'dm_substitute_set.list': 4,
  'dm_substitute_set.substitutes': 12,
  'dm_substitute.list': 0,
  'dm_substitute.bdev': 8,
  'dm_substitute.active': 12,
  'dm_substitute.chunks': 16,
  'chunk.valid': 20,
  'xarray.xa_head': 8,
  'xa_node.shift': 0,
  'xa_node.slots': 20,
  'block_device.bd_disk': 0,
  'block_device.bd_start_sect': 8,
  'gendisk.disk_name': 12,
};
const NUMBERS = { CHUNK_SECTORS: 8, XA_CHUNK_SIZE: 16, DISK_NAME_LEN: 32 };
/** Ordinary pages that nothing else lies in: here the structures are placed, and there the table. */
const [STRUCTURES, TABLE] = [800 * 4096, 900 * 4096];

/** What the store has of a device: the bits of its chunks, by their numbers. */
export interface Substituted {
  readonly disk: string;
  readonly start: number;
  readonly isActive?: boolean;
  readonly chunks: Readonly<Record<number, number>>;
}

export interface SubstitutedKernel {
  readonly kernel: GuestKernel;
  readonly systemMap: string;
  /** The marker that announces the layout table. */
  readonly announced: Pick<MarkerSeen, 'word0' | 'word1'>;
}

/** A kernel with these snapshots, the youngest first. `shift` is that of the upper nodes. */
export function substitutedKernel(
  machine: SyntheticMachine,
  sets: readonly (readonly Substituted[])[],
  shift = 4,
): SubstitutedKernel {
  /** The node that a pointer with a tag leads to: a number may be too coarse to tell. */
  const nodes = new Map<number, number>();
  const { kernel, layout, systemMap, set, get, tag, address } = syntheticKernel([], machine);
  const { bytes, data } = kernel.memory;
  const scale = machine.wordBytes / 4;
  const offsets = Object.fromEntries(Object.entries(OFFSETS).map(([name, value]) => [name, value * scale]));
  const field = (name: keyof typeof OFFSETS): number => OFFSETS[name] * scale;
  let next = STRUCTURES;
  const place = (): number => {
    next += 512;
    bytes.fill(0, next - 512, next);
    return next - 512;
  };
  const empty = (head: number): void => {
    set(head, address(head));
    set(head + machine.wordBytes, address(head));
  };
  const append = (head: number, last: number, node: number): number => {
    set(last, address(node));
    set(node, address(head));
    return node;
  };
  const point = (at: number, node: number, bits = 0): void => {
    set(at, address(node));
    tag(at, bits);
  };

  const head = place();
  empty(head);
  let lastSet = head;
  for (const substitutes of sets) {
    const made = place();
    const heads = made + field('dm_substitute_set.substitutes');
    empty(heads);
    lastSet = append(head, lastSet, made + field('dm_substitute_set.list'));
    let last = heads;
    for (const { disk, start, isActive = true, chunks } of substitutes) {
      const [substitute, device, gendisk] = [place(), place(), place()];
      last = append(heads, last, substitute + field('dm_substitute.list'));
      point(substitute + field('dm_substitute.bdev'), device);
      bytes[substitute + field('dm_substitute.active')] = Number(isActive);
      point(device + field('block_device.bd_disk'), gendisk);
      data.setBigUint64(device + field('block_device.bd_start_sect'), BigInt(start), true);
      bytes.set(new TextEncoder().encode(disk), gendisk + field('gendisk.disk_name'));
      // A tree of two levels, unless the first chunk alone is there.
      const root = substitute + field('dm_substitute.chunks') + field('xarray.xa_head');
      for (const [number, valid] of Object.entries(chunks)) {
        const chunk = place();
        bytes[chunk + field('chunk.valid')] = valid;
        if (number === '0' && Object.keys(chunks).length === 1) {
          point(root, chunk);
          continue;
        }
        const slotOf = (at: number, ofShift: number, index: number): number => {
          if (get(at) === 0) {
            const node = place();
            bytes[node + field('xa_node.shift')] = ofShift;
            point(at, node, 2);
            nodes.set(at, node);
          }
          return (nodes.get(at) ?? 0) + field('xa_node.slots') + index * machine.wordBytes;
        };
        point(slotOf(slotOf(root, shift, Number(number) >>> 4), 0, Number(number) & 15), chunk);
      }
    }
  }
  const table = layoutTable({ ...layout, ...offsets, ...NUMBERS, '&sets': address(head) });
  bytes.set(table, TABLE);
  const announced = { word0: TABLE, word1: table.length };
  return { kernel: announcedKernel(kernel.memory, parseSystemMap(systemMap), announced), systemMap, announced };
}
