// SPDX-License-Identifier: MIT
/**
 * A guest's RAM made by hand: 16 MiB in which a kernel is just making a hibernation image. Small enough to know
 * every page, complete enough that all readers of guest memory find what they look for.
 */
import { PAGE_BYTES, gpa, type Gpa } from '../../../emulator/machine/units.js';
import type { GuestKernel } from '../../../emulator/memory/kernel.js';
import { parseLayout } from '../../../emulator/memory/layout.js';
import { parseSystemMap } from '../../../emulator/memory/symbols.js';
import { guestMemory } from '../../../emulator/memory/view.js';

export const PAGES = 4096;
export const PAGE_OFFSET = 0xc0000000;
export const THREAD_SIZE = 8192;

export const LAYOUT: Readonly<Record<string, number>> = {
  PAGE_OFFSET,
  THREAD_SIZE,
  MAX_NR_ZONES: 2,
  NR_PAGE_ORDERS: 11,
  MIGRATE_TYPES: 4,
  PAGE_MAPPING_ANON: 1,
  HZ: 250,
  'sizeof(page)': 32,
  'page.flags': 0,
  'page.lru': 4,
  'page.compound_head': 4,
  'page.mapping': 12,
  'page.index': 16,
  'page.private': 20,
  'page.page_type': 24,
  'page._refcount': 28,
  PG_lru: 5,
  PG_swapcache: 10,
  PG_reserved: 13,
  PG_swapbacked: 17,
  PGTY_buddy: 0xf0,
  PGTY_offline: 0xf1,
  PGTY_table: 0xf2,
  PGTY_guard: 0xf3,
  PGTY_slab: 0xf5,
  'slab.slab_cache': 4,
  'kmem_cache.name': 8,
  'kmem_cache.size': 4,
  'pglist_data.node_zones': 16,
  'sizeof(zone)': 1024,
  'zone.zone_start_pfn': 0,
  'zone.spanned_pages': 4,
  'zone.name': 8,
  'zone.free_area': 64,
  'sizeof(free_area)': 36,
  'free_area.free_list': 0,
  'address_space.host': 4,
  'inode.i_ino': 8,
  'inode.i_sb': 12,
  'inode.i_dentry': 16,
  'super_block.s_id': 16,
  'dentry.d_parent': 0,
  'dentry.d_name_name': 4,
  'dentry.d_alias': 8,
  'task_struct.tasks': 8,
  'task_struct.pid': 16,
  'task_struct.tgid': 20,
  'task_struct.comm': 24,
  'task_struct.mm': 40,
  'task_struct.stack': 44,
  'task_struct.signal': 48,
  'task_struct.thread_node': 52,
  'signal_struct.thread_head': 4,
  'mm_struct.pgd': 4,
  'memory_bitmap.zones': 0,
  'memory_bitmap.p_list': 8,
  'memory_bitmap.cur': 12,
  'mem_zone_bm_rtree.list': 0,
  'mem_zone_bm_rtree.nodes': 8,
  'mem_zone_bm_rtree.leaves': 16,
  'mem_zone_bm_rtree.start_pfn': 24,
  'mem_zone_bm_rtree.end_pfn': 28,
  'rtree_node.list': 0,
  'rtree_node.data': 8,
  'nosave_region.list': 0,
  'nosave_region.start_pfn': 8,
  'nosave_region.end_pfn': 12,
};

/** The table as a kernel announces it. */
export function layoutTable(values: Readonly<Record<string, number | bigint>>): Uint8Array {
  const entries = Object.entries(values);
  const bytes = new Uint8Array(8 + 40 * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x4c474952, true);
  view.setUint32(4, entries.length, true);
  for (const [i, [name, value]] of entries.entries()) {
    bytes.set(new TextEncoder().encode(name), 8 + 40 * i);
    view.setBigUint64(8 + 40 * i + 32, BigInt(value), true);
  }
  return bytes;
}

/** Where things lie, for tests that want to touch them. */
export interface Places {
  /** Frames by what they are for. */
  readonly frames: {
    readonly free: number;
    readonly copy: readonly number[];
    readonly slab: number;
    readonly anonymous: number;
    readonly file: number;
    readonly userTable: number;
    readonly userDirectory: number;
    readonly vmalloc: number;
    readonly stack: number;
    readonly zeros: readonly number[];
    readonly kernelData: number;
    readonly nosave: number;
    readonly nosaveRegion: number;
    readonly firmware: number;
  };
  readonly symbol: (name: string) => Gpa;
  /** Stack pointer with which the copy was entered. */
  readonly stackPointer: Gpa;
}

export interface SyntheticKernel {
  readonly kernel: GuestKernel;
  readonly places: Places;
  /** RAM as the restored kernel has it: image pages as they were when the loop reached them, all other pages garbage. */
  readonly restored: () => Uint8Array;
}

const ZONE_START = 1;
const ZONE_END = 4088;
/** Frames of the kernel image. */
const IMAGE = { start: 256, end: 300 };
const USER_ADDRESS = 0x08048000;
const VMALLOC_ADDRESS = 0xf0000000;

const SYMBOLS: Readonly<Record<string, number>> = {
  startup_32: 0x100000,
  _text: 0x100000,
  do_something: 0x100100,
  do_more: 0x100200,
  __nosave_begin: 0x110000,
  in_suspend: 0x110000,
  __nosave_end: 0x111000,
  init_task: 0x112000,
  nosave_regions: 0x112400,
  contig_page_data: 0x113000,
  e820_table: 0x114000,
  mem_map: 0x114004,
  pcpu_hot: 0x114008,
  saved_context_esp: 0x11400c,
  forbidden_pages_map: 0x114010,
  free_pages_map: 0x114014,
  jiffies: 0x114100,
  watchdog_report_ts: 0x114104,
  wq_watchdog_touched_cpu: 0x114108,
  wq_watchdog_touched: 0x11410c,
  wq_watchdog_thresh: 0x114110,
  preserved: 0x114114,
  preserved_pfns: 0x114118,
  isolated: 0x11411c,
  swapper_pg_dir: 0x115000,
  zero_bm: 0x116000,
  copy_bm: 0x116020,
  orig_bm: 0x116040,
  _end: 0x12c000,
};

/** `preserved`: frames that a snapshot keeps in place. */
export function syntheticKernel(preserved: readonly number[] = []): SyntheticKernel {
  const bytes = new Uint8Array(PAGES * PAGE_BYTES);
  const data = new DataView(bytes.buffer);
  const set = (at: number, value: number): void => data.setUint32(at, value, true);
  const get = (at: number): number => data.getUint32(at, true);
  const va = (at: number): number => (at + PAGE_OFFSET) >>> 0;
  const at = (name: string): number => SYMBOLS[name] as number;
  const field = (name: string): number => LAYOUT[name] as number;
  const addToList = (head: number, node: number): void => {
    const last = get(head + 4) - PAGE_OFFSET;
    set(node, va(head));
    set(node + 4, va(last));
    set(last, va(node));
    set(head + 4, va(node));
  };
  const emptyList = (head: number): void => {
    set(head, va(head));
    set(head + 4, va(head));
  };
  const text = (where: number, value: string): void => bytes.set(new TextEncoder().encode(`${value}\0`), where);

  // Every page has some content of its own, but for a few that hold only zeros.
  const zeros = [200, 600, 610];
  for (let page = 0; page < PAGES; page++)
    if (!zeros.includes(page)) bytes.fill(1 + (page % 200), page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  bytes.fill(0, at('init_task'), at('_end'));

  // Frames that structures live in, taken from the top of a region of ordinary kernel pages.
  let nextByte = 400 * PAGE_BYTES;
  const place = (size: number): number => {
    nextByte += size;
    bytes.fill(0, nextByte - size, nextByte);
    return nextByte - size;
  };
  let nextPage = 450;
  const page = (): number => {
    bytes.fill(0, nextPage * PAGE_BYTES, (nextPage + 1) * PAGE_BYTES);
    return nextPage++;
  };

  // mem_map and one zone.
  const memMap = place(PAGES * field('sizeof(page)'));
  set(at('mem_map'), va(memMap));
  const descriptor = (frame: number): number => memMap + frame * field('sizeof(page)');
  for (let frame = 0; frame < PAGES; frame++) {
    set(descriptor(frame) + field('page.page_type'), 0xffffffff);
    set(descriptor(frame) + field('page._refcount'), 1);
  }
  for (let frame = IMAGE.start; frame < IMAGE.end; frame++) set(descriptor(frame), 2 ** field('PG_reserved'));
  const zone = at('contig_page_data') + field('pglist_data.node_zones');
  set(zone + field('zone.zone_start_pfn'), ZONE_START);
  set(zone + field('zone.spanned_pages'), ZONE_END - ZONE_START);
  const zoneName = place(16);
  text(zoneName, 'Normal');
  set(zone + field('zone.name'), va(zoneName));
  for (let order = 0; order < field('NR_PAGE_ORDERS'); order++) {
    for (let type = 0; type < field('MIGRATE_TYPES'); type++)
      emptyList(zone + field('zone.free_area') + order * field('sizeof(free_area)') + 8 * type);
  }
  const free = (first: number, order: number): void => {
    set(descriptor(first) + field('page.page_type'), field('PGTY_buddy') * 2 ** 24);
    set(descriptor(first) + field('page.private'), order);
    addToList(
      zone + field('zone.free_area') + order * field('sizeof(free_area)') + 8,
      descriptor(first) + field('page.lru'),
    );
  };
  free(1024, 10);
  free(2048, 9);

  // e820: RAM up to the last 8 pages; page 0 belongs to the firmware.
  const e820 = place(4 + 20 * 3);
  set(at('e820_table'), va(e820));
  set(e820, 2);
  const range = (i: number, from: number, to: number, type: number): void => {
    set(e820 + 4 + 20 * i, from);
    set(e820 + 4 + 20 * i + 8, to - from);
    set(e820 + 4 + 20 * i + 16, type);
  };
  range(0, 0x1000, ZONE_END * PAGE_BYTES, 1);
  range(1, ZONE_END * PAGE_BYTES, PAGES * PAGE_BYTES, 2);

  // nosave region and section.
  const region = place(16);
  emptyList(at('nosave_regions'));
  addToList(at('nosave_regions'), region);
  set(region + 8, 160);
  set(region + 12, 164);

  // Kernel page directory: the direct mapping in large pages, one vmalloc page.
  const vmallocTable = page();
  const vmallocFrame = page();
  for (let slot = 0; slot * 1024 < PAGES; slot++)
    set(at('swapper_pg_dir') + 4 * ((PAGE_OFFSET >>> 22) + slot), slot * 0x400000 + 0xe3);
  set(at('swapper_pg_dir') + 4 * (VMALLOC_ADDRESS >>> 22), vmallocTable * PAGE_BYTES + 0x63);
  set(vmallocTable * PAGE_BYTES, vmallocFrame * PAGE_BYTES + 0x63);

  // Tasks: the idle task and a process with two threads, which makes the copy.
  const directory = page();
  const table = page();
  const anonymous = page();
  const file = page();
  bytes.fill(0x5a, anonymous * PAGE_BYTES, (anonymous + 1) * PAGE_BYTES);
  set(directory * PAGE_BYTES + 4 * (USER_ADDRESS >>> 22), table * PAGE_BYTES + 0x67);
  set(table * PAGE_BYTES + 4 * ((USER_ADDRESS >>> 12) & 1023), anonymous * PAGE_BYTES + 0x67);
  set(table * PAGE_BYTES + 4 * ((USER_ADDRESS >>> 12) & 1023) + 4, file * PAGE_BYTES + 0x65);
  set(descriptor(table) + field('page.page_type'), field('PGTY_table') * 2 ** 24);
  set(descriptor(anonymous), 2 ** field('PG_lru') + 2 ** field('PG_swapbacked'));
  set(descriptor(anonymous) + field('page.mapping'), va(place(16)) + field('PAGE_MAPPING_ANON'));
  const [mapping, inode, superblock] = [place(16), place(32), place(64)];
  set(mapping + field('address_space.host'), va(inode));
  set(inode + field('inode.i_ino'), 77);
  set(inode + field('inode.i_sb'), va(superblock));
  text(superblock + field('super_block.s_id'), 'dm-0');
  const [root, dentry, names] = [place(16), place(16), place(16)];
  text(names, '/');
  text(names + 2, 'agent.c');
  for (const [at, name] of [
    [root, names],
    [dentry, names + 2],
  ] as const) {
    set(at + field('dentry.d_parent'), va(root));
    set(at + field('dentry.d_name_name'), va(name));
  }
  set(inode + field('inode.i_dentry'), va(dentry + field('dentry.d_alias')));
  set(descriptor(file), 2 ** field('PG_lru'));
  set(descriptor(file) + field('page.mapping'), va(mapping));
  set(descriptor(file) + field('page.index'), 3);

  const mm = place(16);
  set(mm + field('mm_struct.pgd'), va(directory * PAGE_BYTES));
  const stack = page();
  page();
  bytes.fill(0x33, stack * PAGE_BYTES, stack * PAGE_BYTES + THREAD_SIZE);
  emptyList(at('init_task') + field('task_struct.tasks'));
  text(at('init_task') + field('task_struct.comm'), 'swapper');
  set(at('init_task') + field('task_struct.stack'), va(0x11a000));
  const signal = place(16);
  emptyList(signal + field('signal_struct.thread_head'));
  const task = (pid: number, threadStack: number): number => {
    const made = place(64);
    set(made + field('task_struct.pid'), pid);
    set(made + field('task_struct.tgid'), 41);
    text(made + field('task_struct.comm'), 'agent');
    set(made + field('task_struct.mm'), va(mm));
    set(made + field('task_struct.stack'), va(threadStack));
    set(made + field('task_struct.signal'), va(signal));
    addToList(signal + field('signal_struct.thread_head'), made + field('task_struct.thread_node'));
    return made;
  };
  const leader = task(41, stack * PAGE_BYTES);
  addToList(at('init_task') + field('task_struct.tasks'), leader + field('task_struct.tasks'));
  task(42, 0x11e000);
  set(at('pcpu_hot'), va(leader));
  const stackPointer = gpa(stack * PAGE_BYTES + THREAD_SIZE - 400);
  set(at('saved_context_esp'), va(stackPointer));

  // A slab.
  const slab = page();
  const cache = place(16);
  const cacheName = place(16);
  text(cacheName, 'kmalloc-64');
  set(cache + field('kmem_cache.name'), va(cacheName));
  set(cache + field('kmem_cache.size'), 64);
  set(descriptor(slab) + field('page.page_type'), field('PGTY_slab') * 2 ** 24);
  set(descriptor(slab) + field('slab.slab_cache'), va(cache));

  // The hibernation core: five bitmaps, each with one zone and one leaf; copies wait in frames of their own.
  set(at('in_suspend'), 1);
  const [forbidden, freeMap] = [place(32), place(32)];
  const copies = [700, 701, 705, ...Array.from({ length: 1400 }, (_, i) => 2600 + i)];
  const bitmapPages: number[] = [];
  const leaves = new Map<number, number>();
  const bitmap = (where: number): void => {
    const chain = page();
    const leaf = page();
    // The pages of the basic bitmaps cannot be marked, so that the image holds them.
    if (where !== forbidden && where !== freeMap) bitmapPages.push(chain, leaf);
    const bitmapZone = chain * PAGE_BYTES + 4;
    const node = bitmapZone + 48;
    emptyList(where);
    set(where + 8, va(chain * PAGE_BYTES));
    emptyList(bitmapZone + 8);
    emptyList(bitmapZone + 16);
    set(bitmapZone + 24, ZONE_START);
    set(bitmapZone + 28, ZONE_END);
    addToList(where, bitmapZone);
    addToList(bitmapZone + 16, node);
    set(node + 8, va(leaf * PAGE_BYTES));
    set(where + 12, va(bitmapZone));
    set(where + 16, va(node));
    set(where + 24, 0xffffffff);
    leaves.set(where, leaf * PAGE_BYTES);
  };
  const mark = (where: number, frame: number): void => {
    const leaf = leaves.get(where) as number;
    const bit = frame - ZONE_START;
    bytes[leaf + (bit >>> 3)] = (bytes[leaf + (bit >>> 3)] as number) | (1 << (bit & 7));
  };
  set(at('forbidden_pages_map'), va(forbidden));
  set(at('free_pages_map'), va(freeMap));
  for (const where of [at('orig_bm'), at('copy_bm'), at('zero_bm'), forbidden, freeMap]) bitmap(where);
  for (const frame of copies) mark(at('copy_bm'), frame);

  if (preserved.length > 0) {
    const bits = place(PAGES / 8);
    set(at('preserved'), va(bits));
    // Of small pages, each preserved one is isolated.
    set(at('isolated'), va(bits));
    set(at('preserved_pfns'), PAGES);
    for (const frame of preserved)
      bytes[bits + (frame >>> 3)] = (bytes[bits + (frame >>> 3)] as number) | (1 << (frame & 7));
  }

  const isFree = (frame: number): boolean => frame >= 1024 && frame < 2560;
  const omitted = (frame: number): boolean =>
    isFree(frame) ||
    copies.includes(frame) ||
    bitmapPages.includes(frame) ||
    (frame >= 160 && frame < 164) ||
    frame === at('__nosave_begin') / PAGE_BYTES;
  const image: number[] = [];
  for (let frame = ZONE_START; frame < ZONE_END; frame++) {
    if (omitted(frame)) continue;
    image.push(frame);
    mark(at('orig_bm'), frame);
  }

  const map = Object.entries(SYMBOLS).map(([name, where]) => `${va(where).toString(16)} D ${name}`);
  const kernel: GuestKernel = {
    memory: guestMemory(bytes),
    symbols: parseSystemMap(['00100000 A phys_startup_32', ...map, ''].join('\n')),
    layout: parseLayout(layoutTable({ ...LAYOUT, '&current_task': va(at('pcpu_hot')) })),
  };

  // What the copy loop does, told once more and in another way than the rig foretells it: step by step.
  const restored = (): Uint8Array => {
    const result = new Uint8Array(bytes.length).fill(0xee);
    const live = bytes.slice();
    const liveView = new DataView(live.buffer);
    let copied = 0;
    const cursor = (where: number, frame: number): void => {
      liveView.setUint32(where + 12 + 12, frame, true);
      liveView.setUint32(where + 12 + 16, frame - ZONE_START + 1, true);
    };
    cursor(at('copy_bm'), copies[0] as number);
    for (const frame of image) {
      cursor(at('orig_bm'), frame);
      live.fill(frame & 255, stackPointer - 64, stackPointer);
      const content = live.slice(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
      result.set(content, frame * PAGE_BYTES);
      if (preserved.includes(frame)) continue;
      if (content.every((byte) => byte === 0)) liveView.setUint32(at('zero_bm') + 12 + 12, frame, true);
      else if (++copied < copies.length) cursor(at('copy_bm'), copies[copied] as number);
    }
    new DataView(result.buffer).setUint32(at('in_suspend'), 0, true);
    return result;
  };

  return {
    kernel,
    restored,
    places: {
      frames: {
        free: 1030,
        copy: copies,
        slab,
        anonymous,
        file,
        userTable: table,
        userDirectory: directory,
        vmalloc: vmallocFrame,
        stack,
        zeros,
        kernelData: Math.floor(at('jiffies') / PAGE_BYTES),
        nosave: at('__nosave_begin') / PAGE_BYTES,
        nosaveRegion: 161,
        firmware: 4092,
      },
      symbol: (name) => gpa(at(name)),
      stackPointer,
    },
  };
}
