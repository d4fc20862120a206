// SPDX-License-Identifier: MIT
/** A guest's RAM made by hand, in which devices have substitutes. They may be mapped devices. */
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
  'gendisk.private_data': 64,
  'mapped_device.map': 8,
  'dm_table.num_targets': 12,
  'dm_table.targets': 20,
  'sizeof(dm_target)': 40,
  'dm_target.type': 4,
  'dm_target.begin': 8,
  'dm_target.len': 16,
  'dm_target.private': 32,
  'target_type.name': 8,
  'dm_dev.bdev': 4,
  'linear_c.dev': 0,
  'linear_c.start': 8,
  'crypt_config.dev': 4,
  'crypt_config.start': 16,
};
const NUMBERS = { CHUNK_SECTORS: 8, XA_CHUNK_SIZE: 16, DISK_NAME_LEN: 32, DM_MAX_TYPE_NAME: 16 };
/** Ordinary pages that nothing else lies in: here the structures are placed, and there the table. */
const [STRUCTURES, TABLE] = [800 * 4096, 900 * 4096];

/** A disk (`start` is 0), a partition of one, or a mapped device. */
export interface Device {
  readonly disk: string;
  readonly start: number;
  /** What a mapped device has. Without them, it has no table. */
  readonly targets?: readonly MappedTarget[];
}

/** The sectors from `first` on are those of `on` from `start` on, if the type is one that has such fields. */
export interface MappedTarget {
  readonly type: string;
  readonly first: number;
  readonly sectors: number;
  readonly on: Device;
  readonly start: number;
}

/** What the store has of a device: the bits of its chunks, by their numbers. */
export interface Substituted extends Device {
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

  const placeText = (text: string): number => {
    const at = place();
    bytes.set(new TextEncoder().encode(text), at);
    return at;
  };
  const setSectors = (at: number, sectors: number): void => data.setBigUint64(at, BigInt(sectors), true);

  /** Each is there once, so that one can be mapped to itself. */
  const devices = new Map<Device, number>();
  const placeDevice = (of: Device): number => {
    const before = devices.get(of);
    if (before !== undefined) return before;
    const [device, gendisk] = [place(), place()];
    devices.set(of, device);
    point(device + field('block_device.bd_disk'), gendisk);
    setSectors(device + field('block_device.bd_start_sect'), of.start);
    bytes.set(new TextEncoder().encode(of.disk), gendisk + field('gendisk.disk_name'));
    if (of.disk.startsWith('dm-')) {
      const mapped = place();
      point(gendisk + field('gendisk.private_data'), mapped);
      if (of.targets) point(mapped + field('mapped_device.map'), placeTable(of.targets));
    }
    return device;
  };
  const placeTable = (of: readonly MappedTarget[]): number => {
    const [table, targets] = [place(), place()];
    data.setUint32(table + field('dm_table.num_targets'), of.length, true);
    point(table + field('dm_table.targets'), targets);
    for (const [i, { type, first, sectors, on, start }] of of.entries()) {
      const target = targets + i * field('sizeof(dm_target)');
      const [ofType, own, below] = [place(), place(), place()];
      point(target + field('dm_target.type'), ofType);
      point(ofType + field('target_type.name'), placeText(type));
      setSectors(target + field('dm_target.begin'), first);
      setSectors(target + field('dm_target.len'), sectors);
      point(target + field('dm_target.private'), own);
      const structure = type === 'crypt' ? 'crypt_config' : 'linear_c';
      point(own + field(`${structure}.dev`), below);
      setSectors(own + field(`${structure}.start`), start);
      point(below + field('dm_dev.bdev'), placeDevice(on));
    }
    return table;
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
    for (const substituted of substitutes) {
      const { isActive = true, chunks } = substituted;
      const substitute = place();
      last = append(heads, last, substitute + field('dm_substitute.list'));
      point(substitute + field('dm_substitute.bdev'), placeDevice(substituted));
      bytes[substitute + field('dm_substitute.active')] = Number(isActive);
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
