// SPDX-License-Identifier: MIT
/** Memory zones and their lists of free pages, walked as the allocator itself would. */
import { GuestError } from '../machine/errors.js';
import { PAGE_BYTES, type Pfn } from '../machine/units.js';
import type { PageSet } from './bitmaps.js';
import { kernelU32, listNodes, physical, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { frameOfDescriptor, type PageArray } from './pages.js';
import { addressOf } from './symbols.js';
import { readString, va, type Va } from './view.js';

export interface Zone {
  readonly name: string;
  readonly address: Va;
  readonly startPfn: number;
  /** One past the last frame that the zone spans; holes included. */
  readonly endPfn: number;
}

/** The zones that span any frame, lowest first. */
export function zones(kernel: GuestKernel): Zone[] {
  const { layout, memory } = kernel;
  const first = addressOf(kernel.symbols, 'contig_page_data') + constant(layout, 'pglist_data.node_zones');
  const found: Zone[] = [];
  for (let i = 0; i < constant(layout, 'MAX_NR_ZONES'); i++) {
    const address = va(first + i * constant(layout, 'sizeof(zone)'));
    const startPfn = kernelU32(kernel, address + constant(layout, 'zone.zone_start_pfn'));
    const spanned = kernelU32(kernel, address + constant(layout, 'zone.spanned_pages'));
    if (spanned === 0) continue;
    const name = readString(memory, physical(kernel, kernelU32(kernel, address + constant(layout, 'zone.name'))), 16);
    found.push({ name, address, startPfn, endPfn: startPfn + spanned });
  }
  return found;
}

/** Frames on the buddy allocator's free lists. Throws GuestError when a list holds what cannot be free. */
export function buddyFree(kernel: GuestKernel, array: PageArray): PageSet {
  const { layout } = kernel;
  const free = new Uint8Array(kernel.memory.pageCount);
  for (const zone of zones(kernel)) {
    const areas = zone.address + constant(layout, 'zone.free_area');
    for (let order = 0; order < constant(layout, 'NR_PAGE_ORDERS'); order++) {
      const lists = areas + order * constant(layout, 'sizeof(free_area)') + constant(layout, 'free_area.free_list');
      for (let type = 0; type < constant(layout, 'MIGRATE_TYPES'); type++) {
        for (const node of listNodes(kernel, lists + 8 * type)) {
          markBlock(free, zone, order, frameOfDescriptor(kernel, array, node - constant(layout, 'page.lru')));
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
  /** 1 = usable RAM. */
  readonly type: number;
}

const FIRMWARE_RANGES_MAX = 131;

export function firmwareMap(kernel: GuestKernel): FirmwareRange[] {
  const table = kernelU32(kernel, addressOf(kernel.symbols, 'e820_table'));
  const count = kernelU32(kernel, table);
  if (count > FIRMWARE_RANGES_MAX) throw new GuestError(`the kernel's e820 table claims ${count} entries`);
  return Array.from({ length: count }, (_, i) => {
    const entry = table + 4 + 20 * i;
    const wide = (offset: number): number =>
      kernelU32(kernel, entry + offset) + kernelU32(kernel, entry + offset + 4) * 2 ** 32;
    return { startByte: wide(0), endByte: wide(0) + wide(8), type: kernelU32(kernel, entry + 16) };
  });
}

/** True when the firmware says that all of this frame is RAM that the kernel may use. */
export function isUsableRam(map: readonly FirmwareRange[], frame: Pfn): boolean {
  const start = frame * PAGE_BYTES;
  return map.some((range) => range.type === 1 && range.startByte <= start && start + PAGE_BYTES <= range.endByte);
}
