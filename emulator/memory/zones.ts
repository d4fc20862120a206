// SPDX-License-Identifier: MIT
/** Memory zones and their lists of free pages, walked as the allocator itself would. */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, gpa, type Pfn } from '../machine/units.js';
import type { PageSet } from './bitmaps.js';
import { kernelWord, listNodes, physical, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { frameOfDescriptor, type PageArray } from './pages.js';
import { addressOf } from './symbols.js';
import { readString, readU32, readU64, va, type Va } from './view.js';

export interface Zone {
  readonly name: string;
  readonly address: Va;
  readonly startPfn: number;
  /** One past the last frame that the zone spans; holes included. */
  readonly endPfn: number;
}

/** The zones that span any frame, node by node, lowest first. */
export function zones(kernel: GuestKernel): Zone[] {
  const { layout, memory } = kernel;
  const found: Zone[] = [];
  for (const node of nodes(kernel)) {
    const first = node + constant(layout, 'pglist_data.node_zones');
    for (let i = 0; i < constant(layout, 'MAX_NR_ZONES'); i++) {
      const address = va(first + i * constant(layout, 'sizeof(zone)'));
      const startPfn = kernelWord(kernel, address, constant(layout, 'zone.zone_start_pfn'));
      const spanned = kernelWord(kernel, address, constant(layout, 'zone.spanned_pages'));
      if (spanned === 0) continue;
      const name = physical(kernel, kernelWord(kernel, address, constant(layout, 'zone.name')));
      found.push({ name: readString(memory, name, 16), address, startPfn, endPfn: startPfn + spanned });
    }
  }
  return found;
}

/** Addresses of the nodes' struct pglist_data: one, unless the kernel knows NUMA. */
function nodes(kernel: GuestKernel): Va[] {
  const { layout, addressing } = kernel;
  const pointers = layout.values.get('&node_data');
  if (pointers === undefined) return [va(constant(layout, '&contig_page_data'))];
  return Array.from({ length: constant(layout, 'MAX_NUMNODES') }, (_, i) =>
    va(kernelWord(kernel, pointers, i * addressing.wordBytes)),
  ).filter((node) => node !== 0);
}

/** Frames on the buddy allocator's free lists. Throws GuestError when a list holds what cannot be free. */
export function buddyFree(kernel: GuestKernel, array: PageArray): PageSet {
  const { layout } = kernel;
  const free = new Uint8Array(kernel.memory.pageCount);
  const headBytes = 2 * kernel.addressing.wordBytes;
  for (const zone of zones(kernel)) {
    const areas = zone.address + constant(layout, 'zone.free_area');
    for (let order = 0; order < constant(layout, 'NR_PAGE_ORDERS'); order++) {
      const lists = areas + order * constant(layout, 'sizeof(free_area)') + constant(layout, 'free_area.free_list');
      for (let type = 0; type < constant(layout, 'MIGRATE_TYPES'); type++) {
        for (const node of listNodes(kernel, lists + headBytes * type)) {
          markBlock(free, zone, order, frameOfDescriptor(array, node - constant(layout, 'page.lru')));
        }
      }
    }
  }
  return free;
}

function markBlock(free: PageSet, zone: Zone, order: number, first: Pfn): void {
  const pages = 2 ** order;
  if (!Number.isInteger(first) || first < zone.startPfn || first + pages > zone.endPfn || free[first] === 1) {
    throw new GuestError(
      `the free list of order ${order} in zone ${zone.name} leads to frame ${first}, which cannot be free there`,
      {
        remedy: 'the guest has corrupted its free lists, or kernel and layout table do not belong together',
      },
    );
  }
  free.fill(1, first, first + pages);
}

/** An entry of the firmware's memory map (struct e820_table: a count, then packed {addr u64, size u64, type u32}). */
export interface FirmwareRange {
  readonly startByte: number;
  /** One past the last. */
  readonly endByte: number;
  /** 1 = usable RAM; 128 = RAM in which the boot loader has left data for the kernel. */
  readonly type: number;
}

const USABLE_TYPES: readonly number[] = [1, 128];

const FIRMWARE_RANGES_MAX = 131;

export function firmwareMap(kernel: GuestKernel): FirmwareRange[] {
  const { memory } = kernel;
  const table = physical(kernel, kernelWord(kernel, addressOf(kernel.symbols, 'e820_table')));
  const count = readU32(memory, table);
  if (count > FIRMWARE_RANGES_MAX) throw new GuestError(`the kernel's e820 table claims ${count} entries`);
  return Array.from({ length: count }, (_, i) => {
    const entry = table + 4 + 20 * i;
    const wide = (offset: number): number => readU64(memory, gpa(entry + offset));
    return { startByte: wide(0), endByte: wide(0) + wide(8), type: readU32(memory, gpa(entry + 16)) };
  });
}

/** True when the firmware says that all of this frame is RAM that the kernel may use. */
export function isUsableRam(map: readonly FirmwareRange[], frame: Pfn): boolean {
  const start = frame * PAGE_BYTES;
  return map.some(
    (range) => USABLE_TYPES.includes(range.type) && range.startByte <= start && start + PAGE_BYTES <= range.endByte,
  );
}
