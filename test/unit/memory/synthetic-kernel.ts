// SPDX-License-Identifier: MIT
/**
 * A guest's RAM made by hand: 16 MiB in which a kernel is just making a hibernation image. Small enough to know
 * every page, complete enough that all readers of guest memory find what they look for.
 *
 * The kernel can be one of i386, with and without PAE, or of x86-64, with four and with five levels of page tables. A 64-bit kernel
 * has two processors with variables of their own, its page descriptors and the stack of its process lie scattered behind page
 * tables, and it has moved itself at boot where `movedBytes` says so.
 */
import { PAGE_BYTES, gpa, type Gpa } from '../../../emulator/machine/units.js';
import { guestKernel, type GuestKernel } from '../../../emulator/memory/kernel.js';
import { parseLayout } from '../../../emulator/memory/layout.js';
import { parseSystemMap } from '../../../emulator/memory/symbols.js';
import { guestMemory, setWord } from '../../../emulator/memory/view.js';

export const PAGES = 4096;
export const THREAD_SIZE = 8192;

export interface SyntheticMachine {
  readonly name: string;
  readonly wordBytes: 4 | 8;
  readonly levels: 2 | 3 | 4 | 5;
  /** PAGE_OFFSET. */
  readonly direct: number;
  readonly vmalloc: number;
  /** How far the kernel has moved itself from where System.map says. */
  readonly movedBytes: number;
}

export const I386: SyntheticMachine = {
  name: 'i386',
  wordBytes: 4,
  levels: 2,
  direct: 0xc0000000,
  vmalloc: 0xf0000000,
  movedBytes: 0,
};
export const PAE: SyntheticMachine = { ...I386, name: 'i386 with PAE', levels: 3 };
export const X86_64: SyntheticMachine = {
  name: 'x86-64',
  wordBytes: 8,
  levels: 4,
  direct: -0x7780_0000_0000, // ffff888000000000
  vmalloc: -0x3700_0000_0000, // ffffc90000000000
  movedBytes: 0,
};
export const FIVE_LEVELS: SyntheticMachine = {
  name: 'x86-64 with five levels, moved',
  wordBytes: 8,
  levels: 5,
  direct: Number(BigInt.asIntN(64, 0xff11000000000000n)),
  vmalloc: Number(BigInt.asIntN(64, 0xffa0000000000000n)),
  movedBytes: 0x2a00_0000,
};
export const MACHINES = [I386, PAE, X86_64, FIVE_LEVELS] as const;

const KERNEL_MAP = -0x8000_0000; // ffffffff80000000
const VMEMMAP = { 4: -0x1600_0000_0000, 5: Number(BigInt.asIntN(64, 0xffd4000000000000n)) } as const;
const PROCESSORS = 2;
const PER_CPU_BYTES = 0x100;

/** Offsets and sizes with words of 4 bytes. */
const LAYOUT_OF_I386: Readonly<Record<string, number>> = {
  THREAD_SIZE,
  bits: 32,
  CONFIG_PGTABLE_LEVELS: 2,
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
  PG_anon_exclusive: 11,
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
  'pcpu_hot.current_task': 0,
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

/** Structures of a 64-bit kernel are the same with everything twice as far; the numbers of the machine are its own. */
export function layoutOf(machine: SyntheticMachine): Readonly<Record<string, number>> {
  const isPlace = (name: string): boolean => name.includes('.') || name.startsWith('sizeof');
  const scale = machine.wordBytes / 4;
  const scaled = Object.entries(LAYOUT_OF_I386).map(([name, value]) => [name, isPlace(name) ? scale * value : value]);
  return {
    ...(Object.fromEntries(scaled) as Record<string, number>),
    bits: 8 * machine.wordBytes,
    CONFIG_PGTABLE_LEVELS: machine.levels,
    PAGE_OFFSET: machine.direct,
    nr_cpu_ids: machine.wordBytes === 4 ? 1 : PROCESSORS,
    ...(machine.wordBytes === 8 && {
      __START_KERNEL_map: KERNEL_MAP,
      phys_base: -machine.movedBytes,
      VMALLOC_START: machine.vmalloc,
      VMALLOC_END: machine.vmalloc + 2 ** 40,
      MAX_NUMNODES: 4,
      '&__per_cpu_start': 0,
      '&__per_cpu_end': PER_CPU_BYTES,
    }),
  };
}

/** The table as a kernel announces it. */
export function layoutTable(values: Readonly<Record<string, number>>): Uint8Array {
  const entries = Object.entries(values);
  const bytes = new Uint8Array(8 + 40 * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x4c474952, true);
  view.setUint32(4, entries.length, true);
  for (const [i, [name, value]] of entries.entries()) {
    bytes.set(new TextEncoder().encode(name), 8 + 40 * i);
    view.setBigInt64(8 + 40 * i + 32, BigInt(value), true);
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
  /** A variable of each processor: that of the first. */
  readonly symbol: (name: string) => Gpa;
  /** The entry of a page table that maps a page of the process; the process need not have the page, but others beside it. */
  readonly userEntry: (address: number) => Gpa;
  /** Stack pointer with which the copy was entered. */
  readonly stackPointer: Gpa;
}

export interface SyntheticKernel {
  readonly kernel: GuestKernel;
  readonly machine: SyntheticMachine;
  /** Offsets and sizes of structures, and the other numbers of the table. */
  readonly layout: Readonly<Record<string, number>>;
  /** The table as it lies in memory, and System.map. */
  readonly table: Uint8Array;
  readonly systemMap: string;
  /** Reads or alters a pointer or a long. */
  readonly get: (at: number) => number;
  readonly set: (at: number, value: number) => void;
  readonly tag: (at: number, bits: number) => void;
  /** Lets the process have a large page, of the size that the machine has, without writing to it. */
  readonly mapLarge: (address: number, frame: number) => void;
  /** The address by which the kernel knows a byte of RAM. */
  readonly address: (at: number) => number;
  /** Where the descriptor of a frame lies. */
  readonly descriptor: (frame: number) => number;
  /** Where the kernel's page tables map the page of descriptors to which that of a frame belongs. */
  readonly descriptorEntry: (frame: number) => number;
  readonly places: Places;
  /** RAM as the restored kernel has it: image pages as they were when the loop reached them, all other pages garbage. */
  readonly restored: () => Uint8Array;
}

const ZONE_START = 1;
const ZONE_END = 4088;
/** Frames of the kernel image. */
const IMAGE = { start: 256, end: 300 };
export const USER_ADDRESS = 0x08048000;

/** Where they lie in RAM, with words of 4 bytes. */
const SYMBOLS_OF_I386: Readonly<Record<string, number>> = {
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

const DATA = 0x112000;
/** Variables that each processor of a 64-bit kernel has for itself, and where in its area. */
const PER_CPU: Readonly<Record<string, number>> = {
  pcpu_hot: 0x40,
  watchdog_report_ts: 0x80,
  wq_watchdog_touched_cpu: 0x88,
};

function symbolsOf({ wordBytes }: SyntheticMachine): Record<string, number> {
  if (wordBytes === 4) return { ...SYMBOLS_OF_I386, idle_stack: 0x11a000, other_stack: 0x11e000 };
  const entries = Object.entries(SYMBOLS_OF_I386)
    .filter(([name]) => name !== 'saved_context_esp' && PER_CPU[name] === undefined)
    .map(([name, at]) => [
      name === 'startup_32' ? 'startup_64' : name,
      at > DATA && name !== '_end' ? DATA + 2 * (at - DATA) : at,
    ]);
  return {
    ...(Object.fromEntries(entries) as Record<string, number>),
    saved_context: 0x115400,
    node_data: 0x115600,
    __per_cpu_offset: 0x115700,
    idle_stack: 0x120000,
    other_stack: 0x124000,
  };
}

/** `preserved`: frames that a snapshot keeps in place. */
export function syntheticKernel(preserved: readonly number[] = [], machine = I386): SyntheticKernel {
  const { wordBytes, levels } = machine;
  const scale = wordBytes / 4;
  const LAYOUT = layoutOf(machine);
  const SYMBOLS = symbolsOf(machine);
  const bytes = new Uint8Array(PAGES * PAGE_BYTES);
  const data = new DataView(bytes.buffer);
  const set = (at: number, value: number): void => setWord(data, at, value, wordBytes);
  const get = (at: number): number => (wordBytes === 4 ? data.getUint32(at, true) : Number(data.getBigInt64(at, true)));
  /** Sets low bits of a pointer, which a number may be too coarse for. */
  const tag = (where: number, bits: number): void => {
    bytes[where] = (bytes[where] ?? 0) | bits;
  };
  const at = (name: string): number => SYMBOLS[name] as number;
  const field = (name: string): number => LAYOUT[name] as number;
  const direct = (where: number): number => where + machine.direct;

  // Page descriptors: the first structures to be placed, from a page boundary on.
  const memMap = 400 * PAGE_BYTES;
  const memMapBytes = PAGES * field('sizeof(page)');
  const vmemmap = wordBytes === 4 ? direct(memMap) : VMEMMAP[levels === 5 ? 5 : 4];
  /** Where byte `within` of the array lies: on x86-64 neighbouring pages of it have changed places. */
  const scattered = (within: number): number => memMap + (wordBytes === 4 ? within : within ^ PAGE_BYTES);
  const descriptor = (frame: number): number => scattered(frame * field('sizeof(page)'));

  /** The address by which the kernel knows a byte. */
  const va = (where: number): number => {
    if (wordBytes === 8 && where >= at('_text') && where < at('_end')) return KERNEL_MAP + machine.movedBytes + where;
    if (where >= memMap && where < memMap + memMapBytes) return vmemmap + scattered(where - memMap) - memMap;
    return direct(where);
  };
  const nodes = new Map<number, number>();
  const addToList = (head: number, node: number): void => {
    const last = get(head + wordBytes);
    set(node, va(head));
    set(node + wordBytes, last);
    set(nodes.get(last) ?? head, va(node));
    set(head + wordBytes, va(node));
    nodes.set(va(node), node);
  };
  const emptyList = (head: number): void => {
    set(head, va(head));
    set(head + wordBytes, va(head));
  };
  const text = (where: number, value: string): void => bytes.set(new TextEncoder().encode(`${value}\0`), where);

  // Every page has some content of its own, but for a few that hold only zeros.
  const zeros = [200, 600, 610];
  for (let page = 0; page < PAGES; page++)
    if (!zeros.includes(page)) bytes.fill(1 + (page % 200), page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  bytes.fill(0, DATA, at('_end'));

  // Frames that structures live in, taken from the top of a region of ordinary kernel pages.
  let nextByte = memMap;
  const place = (sizeOfI386: number): number => {
    const size = scale * sizeOfI386;
    nextByte += size;
    bytes.fill(0, nextByte - size, nextByte);
    return nextByte - size;
  };
  let nextPage = 500;
  const page = (): number => {
    bytes.fill(0, nextPage * PAGE_BYTES, (nextPage + 1) * PAGE_BYTES);
    return nextPage++;
  };

  // The descriptors and one zone.
  place(memMapBytes / scale);
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
  const freeList = (order: number, type: number): number =>
    zone + field('zone.free_area') + order * field('sizeof(free_area)') + 2 * wordBytes * type;
  for (let order = 0; order < field('NR_PAGE_ORDERS'); order++)
    for (let type = 0; type < field('MIGRATE_TYPES'); type++) emptyList(freeList(order, type));
  const free = (first: number, order: number): void => {
    set(descriptor(first) + field('page.page_type'), field('PGTY_buddy') * 2 ** 24);
    set(descriptor(first) + field('page.private'), order);
    addToList(freeList(order, 1), descriptor(first) + field('page.lru'));
  };
  free(1024, 10);
  free(2048, 9);
  // The second node has no memory, the others do not exist.
  if (wordBytes === 8) {
    set(at('node_data'), va(at('contig_page_data')));
    set(at('node_data') + 8, va(place(4096)));
  }

  // e820: RAM up to the last 8 pages; page 0 belongs to the firmware.
  const e820 = place(4 + 20 * 3);
  set(at('e820_table'), va(e820));
  set(e820, 2);
  const range = (i: number, from: number, to: number, type: number): void => {
    data.setUint32(e820 + 4 + 20 * i, from, true);
    data.setUint32(e820 + 4 + 20 * i + 8, to - from, true);
    data.setUint32(e820 + 4 + 20 * i + 16, type, true);
  };
  range(0, 0x1000, ZONE_END * PAGE_BYTES, 1);
  range(1, ZONE_END * PAGE_BYTES, PAGES * PAGE_BYTES, 2);

  // nosave region and section.
  const region = place(16);
  emptyList(at('nosave_regions'));
  addToList(at('nosave_regions'), region);
  set(region + field('nosave_region.start_pfn'), 160);
  set(region + field('nosave_region.end_pfn'), 164);

  // Page tables, with bits in the entries that are not of the address: NX and those that software keeps.
  const entryBytes = levels === 2 ? 4 : 8;
  const entryBits = levels === 2 ? 10 : 9;
  const spaceBytes = levels <= 3 ? 2 ** 32 : PAGE_BYTES * 2 ** (9 * levels);
  const setEntry = (where: number, frame: number, flags: number): void => {
    if (entryBytes === 4) data.setUint32(where, frame * PAGE_BYTES + flags, true);
    else
      data.setBigUint64(where, BigInt(frame) * 4096n + BigInt(flags) + (flags & 0x40 ? 0x8210000000000000n : 0n), true);
  };
  const tableOf = (where: number): number =>
    entryBytes === 4 ? data.getUint32(where, true) >>> 12 : Number((data.getBigUint64(where, true) >> 12n) & 0xfffffn);
  const entryFor = (directory: number, address: number, level: number): number => {
    let within = address < 0 ? address + spaceBytes : address;
    for (let here: number = levels, table = directory; ; here--) {
      const span = PAGE_BYTES * 2 ** (entryBits * (here - 1));
      const where = table + entryBytes * Math.floor(within / span);
      within %= span;
      if (here === level) return where;
      if ((data.getUint32(where, true) & 1) === 0) setEntry(where, page(), levels === 3 && here === 3 ? 1 : 0x27);
      table = tableOf(where) * PAGE_BYTES;
    }
  };

  // Kernel page directory: the direct mapping in large pages, the image and the descriptors of x86-64, vmalloc.
  const kernelDirectory = at('swapper_pg_dir');
  const largeLevel = levels === 5 ? 3 : 2;
  const largePages = 2 ** (entryBits * (largeLevel - 1));
  for (let frame = 0; frame < PAGES; frame += largePages)
    setEntry(entryFor(kernelDirectory, direct(frame * PAGE_BYTES), largeLevel), frame, 0xe3);
  if (wordBytes === 8) {
    for (let within = 0; within < memMapBytes; within += PAGE_BYTES)
      setEntry(entryFor(kernelDirectory, vmemmap + within, 1), scattered(within) / PAGE_BYTES, 0x63);
    for (let where = at('_text'); where < at('_end'); where += PAGE_BYTES)
      setEntry(entryFor(kernelDirectory, va(where), 1), where / PAGE_BYTES, 0x63);
  }
  const vmallocFrame = page();
  setEntry(entryFor(kernelDirectory, machine.vmalloc, 1), vmallocFrame, 0x63);

  // Tasks: the idle task and a process with two threads, which makes the copy.
  const directory = page();
  const userEntry = (address: number): number => entryFor(directory * PAGE_BYTES, address, 1);
  const table = Math.floor(userEntry(USER_ADDRESS) / PAGE_BYTES);
  const anonymous = page();
  const file = page();
  bytes.fill(0x5a, anonymous * PAGE_BYTES, (anonymous + 1) * PAGE_BYTES);
  setEntry(userEntry(USER_ADDRESS), anonymous, 0x67);
  setEntry(userEntry(USER_ADDRESS + PAGE_BYTES), file, 0x65);
  set(descriptor(table) + field('page.page_type'), field('PGTY_table') * 2 ** 24);
  set(descriptor(anonymous), 2 ** field('PG_lru') + 2 ** field('PG_swapbacked'));
  set(descriptor(anonymous) + field('page.mapping'), va(place(16)));
  tag(descriptor(anonymous) + field('page.mapping'), field('PAGE_MAPPING_ANON'));
  const [mapping, inode, superblock] = [place(16), place(32), place(64)];
  set(mapping + field('address_space.host'), va(inode));
  set(inode + field('inode.i_ino'), 77);
  set(inode + field('inode.i_sb'), va(superblock));
  text(superblock + field('super_block.s_id'), 'dm-0');
  const [root, dentry, names] = [place(16), place(16), place(16)];
  text(names, '/');
  text(names + 8, 'agent.c');
  for (const [at, name] of [
    [root, names],
    [dentry, names + 8],
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
  // The two pages of the stack follow each other in the direct mapping, or the other way round in vmalloc's.
  const stackPages = [page(), page()];
  if (wordBytes === 8) stackPages.reverse();
  const [stack = 0, stackTop = 0] = stackPages;
  const stackVa = wordBytes === 4 ? va(stack * PAGE_BYTES) : machine.vmalloc + 16 * PAGE_BYTES;
  for (const [i, frame] of stackPages.entries()) {
    bytes.fill(0x33, frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
    if (wordBytes === 8) setEntry(entryFor(kernelDirectory, stackVa + i * PAGE_BYTES, 1), frame, 0x63);
  }
  emptyList(at('init_task') + field('task_struct.tasks'));
  text(at('init_task') + field('task_struct.comm'), 'swapper');
  set(at('init_task') + field('task_struct.stack'), va(at('idle_stack')));
  const signal = place(16);
  emptyList(signal + field('signal_struct.thread_head'));
  const task = (pid: number, threadStack: number): number => {
    const made = place(64);
    set(made + field('task_struct.pid'), pid);
    set(made + field('task_struct.tgid'), 41);
    text(made + field('task_struct.comm'), 'agent');
    set(made + field('task_struct.mm'), va(mm));
    set(made + field('task_struct.stack'), threadStack);
    set(made + field('task_struct.signal'), va(signal));
    addToList(signal + field('signal_struct.thread_head'), made + field('task_struct.thread_node'));
    return made;
  };
  const leader = task(41, stackVa);
  addToList(at('init_task') + field('task_struct.tasks'), leader + field('task_struct.tasks'));
  task(42, va(at('other_stack')));
  // Each processor has a page of its own for its variables; the second one idles.
  const perCpu = wordBytes === 4 ? [] : Array.from({ length: PROCESSORS }, () => page() * PAGE_BYTES);
  for (const [processor, area] of perCpu.entries()) {
    set(at('__per_cpu_offset') + 8 * processor, va(area));
    set(area + (PER_CPU['pcpu_hot'] ?? 0), va(at('init_task')));
  }
  const symbol = (name: string): number =>
    wordBytes === 8 && PER_CPU[name] !== undefined ? (perCpu[0] ?? 0) + PER_CPU[name] : at(name);
  set(symbol('pcpu_hot'), va(leader));
  const stackPointer = gpa(stackTop * PAGE_BYTES + PAGE_BYTES - 400);
  const pointerAt = wordBytes === 4 ? at('saved_context_esp') : at('saved_context') + 152;
  set(pointerAt, stackVa + THREAD_SIZE - 400);

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
    const bitmapZone = chain * PAGE_BYTES + wordBytes;
    const node = bitmapZone + scale * 48;
    emptyList(where);
    set(where + field('memory_bitmap.p_list'), va(chain * PAGE_BYTES));
    emptyList(bitmapZone + field('mem_zone_bm_rtree.nodes'));
    emptyList(bitmapZone + field('mem_zone_bm_rtree.leaves'));
    set(bitmapZone + field('mem_zone_bm_rtree.start_pfn'), ZONE_START);
    set(bitmapZone + field('mem_zone_bm_rtree.end_pfn'), ZONE_END);
    addToList(where, bitmapZone);
    addToList(bitmapZone + field('mem_zone_bm_rtree.leaves'), node);
    set(node + field('rtree_node.data'), va(leaf * PAGE_BYTES));
    const cursor = where + field('memory_bitmap.cur');
    set(cursor, va(bitmapZone));
    set(cursor + wordBytes, va(node));
    set(cursor + 3 * wordBytes, wordBytes === 4 ? 0xffffffff : -1);
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

  // System.map is of the linker, which does not know where the kernel will move.
  const digits = (address: number): string =>
    BigInt.asUintN(8 * wordBytes, BigInt(address))
      .toString(16)
      .padStart(2 * wordBytes, '0');
  const map = Object.entries(SYMBOLS).map(([name, where]) => `${digits(va(where) - machine.movedBytes)} D ${name}`);
  const own = wordBytes === 4 ? [] : Object.entries(PER_CPU).map(([name, where]) => `${digits(where)} D ${name}`);
  const loaded = wordBytes === 4 ? 'phys_startup_32' : 'phys_startup_64';
  const systemMap = [`${digits(0x100000)} A ${loaded}`, ...own, ...map, ''].join('\n');
  const entries = {
    ...LAYOUT,
    vmemmap,
    '&_text': va(at('_text')),
    '&swapper_pg_dir': va(kernelDirectory),
    '&_end': va(at('_end') - 1) + 1,
    '&pcpu_hot': wordBytes === 4 ? va(at('pcpu_hot')) : (PER_CPU['pcpu_hot'] ?? 0),
    ...(wordBytes === 4
      ? { '&contig_page_data': va(at('contig_page_data')) }
      : { '&node_data': va(at('node_data')), '&__per_cpu_offset': va(at('__per_cpu_offset')) }),
  };
  const layoutBytes = layoutTable(entries);
  const kernel = guestKernel(guestMemory(bytes), parseSystemMap(systemMap), parseLayout(layoutBytes));

  // What the copy loop does, told once more and in another way than the rig foretells it: step by step.
  const restored = (): Uint8Array => {
    const result = new Uint8Array(bytes.length).fill(0xee);
    const live = bytes.slice();
    const liveView = new DataView(live.buffer);
    let copied = 0;
    const setFrame = (where: number, frame: number): void =>
      setWord(liveView, where + field('memory_bitmap.cur') + 3 * wordBytes, frame, wordBytes);
    const cursor = (where: number, frame: number): void => {
      setFrame(where, frame);
      liveView.setUint32(where + field('memory_bitmap.cur') + 4 * wordBytes, frame - ZONE_START + 1, true);
    };
    cursor(at('copy_bm'), copies[0] as number);
    for (const frame of image) {
      cursor(at('orig_bm'), frame);
      live.fill(frame & 255, stackPointer - 64, stackPointer);
      const content = live.slice(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
      result.set(content, frame * PAGE_BYTES);
      if (preserved.includes(frame)) continue;
      if (content.every((byte) => byte === 0)) setFrame(at('zero_bm'), frame);
      else if (++copied < copies.length) cursor(at('copy_bm'), copies[copied] as number);
    }
    new DataView(result.buffer).setUint32(at('in_suspend'), 0, true);
    return result;
  };

  return {
    kernel,
    machine,
    layout: entries,
    table: layoutBytes,
    systemMap,
    get,
    set,
    tag,
    mapLarge: (address, frame) => setEntry(entryFor(directory * PAGE_BYTES, address, 2), frame, 0xe5),
    address: va,
    descriptor,
    descriptorEntry: (frame) => entryFor(kernelDirectory, vmemmap + frame * field('sizeof(page)'), 1),
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
      symbol: (name) => gpa(symbol(name)),
      userEntry: (address) => gpa(userEntry(address)),
      stackPointer,
    },
  };
}
