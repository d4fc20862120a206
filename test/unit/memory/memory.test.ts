// SPDX-License-Identifier: MIT
import t, { type Test } from 'tap';
import { PAGE_BYTES, gpa, pfn } from '../../../emulator/machine/units.js';
import { nosaveRegions, nosaveSection, readBitmap } from '../../../emulator/memory/bitmaps.js';
import { guestKernel, physical } from '../../../emulator/memory/kernel.js';
import { constant, parseLayout } from '../../../emulator/memory/layout.js';
import { kindReader, PAGE_KINDS } from '../../../emulator/memory/kinds.js';
import { ownerNamer } from '../../../emulator/memory/owner.js';
import { lowerHalfEnd, mappings, tables, translate } from '../../../emulator/memory/pagetable.js';
import { pageReader } from '../../../emulator/memory/pages.js';
import { addressOf, nameAddress, parseSystemMap, shifted } from '../../../emulator/memory/symbols.js';
import { currentTask, tasks } from '../../../emulator/memory/tasks.js';
import {
  guestMemory,
  hexVa,
  readI64,
  readString,
  readU16,
  readU32,
  readU64,
  readU8,
  va,
} from '../../../emulator/memory/view.js';
import { buddyFree, firmwareMap, isUsableRam, zones } from '../../../emulator/memory/zones.js';
import {
  MACHINES,
  PAGES,
  USER_ADDRESS,
  X86_64,
  layoutTable,
  syntheticKernel,
  type SyntheticMachine,
} from './synthetic-kernel.js';

t.test('memory is read little-endian, and never beyond its end', async (t) => {
  const memory = guestMemory(new Uint8Array(PAGE_BYTES).fill(0).map((_, i) => i));
  t.equal(readU8(memory, gpa(1)), 1);
  t.equal(readU16(memory, gpa(1)), 0x0201);
  t.equal(readU32(memory, gpa(1)), 0x04030201);
  t.equal(readU64(memory, gpa(0)), 0x03020100 + 0x07060504 * 2 ** 32);
  const word = (value: bigint): number => {
    const bytes = new Uint8Array(PAGE_BYTES);
    new DataView(bytes.buffer).setBigUint64(8, value, true);
    return readI64(guestMemory(bytes), gpa(8));
  };
  t.equal(hexVa(word(0xffff888012345671n)), '0xffff888012345671', 'each byte of the upper half of 48 bits');
  t.equal(hexVa(word(0xff11000012345678n)), '0xff11000012345678', 'every eighth byte of 57 bits');
  t.ok(Number.isNaN(word(0xff11000012345671n)), 'and no other is taken for its neighbour');
  t.equal(hexVa(word(0x00007ffffffff123n)), '0x7ffffffff123');
  t.equal(readString(guestMemory(new Uint8Array(PAGE_BYTES).fill(0x61, 0, 5)), gpa(0), 16), 'aaaaa');
  t.throws(() => readU32(memory, gpa(PAGE_BYTES - 2)), { name: 'GuestError' });
  t.throws(() => readU32(memory, gpa(-4)), { name: 'GuestError' });
  t.throws(() => guestMemory(new Uint8Array(100)), { name: 'RigError' });
});

t.test('System.map: both ways, statics and absolutes included', async (t) => {
  const text = 'c1000010 t second\nc1000000 T first\n00000100 A absolute\nc1000020 d twice\nc1000030 d twice\n';
  const table = parseSystemMap(text);
  t.equal(parseSystemMap(`${text}`), table, 'the same text is parsed once');
  t.equal(addressOf(table, 'second'), 0xc1000010);
  t.equal(addressOf(table, 'twice'), 0xc1000020);
  t.equal(nameAddress(table, va(0xc1000010)), 'second');
  t.equal(nameAddress(table, va(0xc100000f)), 'first+0xf');
  t.equal(nameAddress(table, va(0xc1000099)), 'twice+0x69');
  t.equal(nameAddress(table, va(0x200)), undefined, 'an absolute symbol names no memory');
  t.throws(() => addressOf(table, 'absent'), { name: 'InputError', message: /absent/ });
  t.throws(() => parseSystemMap('c1000000 T first\nnonsense\n'), { name: 'InputError', message: /System.map:2/ });
});

t.test('System.map of x86-64: the upper half, variables of each processor, and a kernel that has moved', async (t) => {
  const table = parseSystemMap(
    [
      '0000000000000000 D __per_cpu_start',
      '0000000000000040 D pcpu_hot',
      '0000000001000000 A phys_startup_64',
      'ffffffff81000000 T _text',
      'ffffffff81000100 T first',
      'ffffffff82000000 A absolute',
      '',
    ].join('\n'),
  );
  t.equal(hexVa(addressOf(table, 'first')), '0xffffffff81000100');
  t.equal(nameAddress(table, va(addressOf(table, 'first') + 3)), 'first+0x3');
  t.equal(nameAddress(table, va(0x44)), 'pcpu_hot+0x4');
  const moved = shifted(table, 0x2a00_0000);
  t.equal(hexVa(addressOf(moved, 'first')), '0xffffffffab000100');
  t.equal(addressOf(moved, 'pcpu_hot'), 0x40);
  t.equal(addressOf(moved, 'phys_startup_64'), 0x1000000);
  t.equal(hexVa(addressOf(moved, 'absolute')), '0xffffffff82000000');
  t.throws(() => parseSystemMap('ffffffff8100 T first\n'), { name: 'InputError' }, 'neither 8 nor 16 digits');
});

t.test('layout table: read, damaged, incomplete', async (t) => {
  const bytes = layoutTable({ 'page.flags': 4, 'a.name.of.thirty-two.characters.': 7 });
  const layout = parseLayout(bytes);
  t.equal(constant(layout, 'page.flags'), 4);
  t.equal(constant(layout, 'a.name.of.thirty-two.characters.'), 7);
  t.equal(
    hexVa(constant(parseLayout(layoutTable({ PAGE_OFFSET: X86_64.direct })), 'PAGE_OFFSET')),
    '0xffff888000000000',
  );
  t.throws(() => constant(layout, 'page.absent'), { name: 'RigError', message: /page.absent/ });
  t.throws(() => parseLayout(bytes.subarray(0, 50)), { name: 'RigError' });
  t.throws(() => parseLayout(bytes.with(0, 1)), { name: 'RigError', message: /magic/ });
});

t.test('kernels of which this program knows nothing are refused', async (t) => {
  const { table, kernel, systemMap } = syntheticKernel();
  const layout = new Map(parseLayout(table).values);
  for (const [bits, levels] of [
    [32, 4],
    [64, 3],
    [16, 2],
  ] as const) {
    const values = new Map([...layout, ['bits', bits], ['CONFIG_PGTABLE_LEVELS', levels]] as const);
    t.throws(() => guestKernel(kernel.memory, parseSystemMap(systemMap), { values }), {
      name: 'RigError',
      message: new RegExp(`${bits} bits with ${levels} levels`),
    });
  }
});

for (const machine of MACHINES) t.test(machine.name, async (t) => readers(t, machine));

function readers(t: Test, machine: SyntheticMachine): void {
  const { kernel, places, descriptor, get } = syntheticKernel([], machine);
  const { frames } = places;
  const { addressing, memory } = kernel;
  const { paging } = addressing;

  t.test('page tables: small pages, large pages, holes', async (t) => {
    const directory = gpa(frames.userDirectory * PAGE_BYTES);
    const kernelDirectory = places.symbol('swapper_pg_dir');
    const userEnd = machine.wordBytes === 4 ? machine.direct : lowerHalfEnd(paging);
    t.equal(translate(memory, paging, directory, va(0x08048123)), frames.anonymous * PAGE_BYTES + 0x123);
    t.equal(translate(memory, paging, directory, va(0x0804a000)), undefined);
    t.equal(translate(memory, paging, directory, va(0x40000000)), undefined);
    t.equal(translate(memory, paging, directory, va(Number.NaN)), undefined);
    t.equal(translate(memory, paging, kernelDirectory, va(machine.direct + 0x412340)), 0x412340, 'a large page');
    t.equal(translate(memory, paging, kernelDirectory, va(machine.vmalloc + 0x20)), frames.vmalloc * PAGE_BYTES + 0x20);
    t.same(
      [...mappings(memory, paging, directory, va(0), userEnd)],
      [
        { address: 0x08048000, frame: frames.anonymous, writable: true, large: false },
        { address: 0x08049000, frame: frames.file, writable: false, large: false },
      ],
    );
    t.equal(tables(memory, paging, directory, va(0), userEnd).length, paging.levels - 1);
    const { direct } = machine;
    t.same(
      [...mappings(memory, paging, kernelDirectory, va(direct + 0x3ff000), direct + 0x401000)].map(
        ({ frame }) => frame,
      ),
      [0x3ff, 0x400],
      'across two large pages',
    );
  });

  t.test('page tables that lead in a circle, or out of memory', async (t) => {
    if (paging.levels < 4) return;
    const astray = syntheticKernel([], machine).kernel.memory;
    const circle = gpa(1500 * PAGE_BYTES);
    for (let index = 0; index < 512; index++)
      astray.data.setBigUint64(circle + 8 * index, BigInt(circle) + 0x67n, true);
    t.throws(() => [...mappings(astray, paging, circle, va(0), lowerHalfEnd(paging))], {
      name: 'GuestError',
      message: /without an end/,
    });
    astray.data.setBigUint64(circle, 0x000f_ffff_ffff_f067n, true);
    t.throws(() => translate(astray, paging, circle, va(0)), { name: 'GuestError', message: /not RAM/ });
  });

  t.test('zones, free lists, firmware', async (t) => {
    t.same(
      zones(kernel).map(({ name, startPfn, endPfn }) => ({ name, startPfn, endPfn })),
      [{ name: 'Normal', startPfn: 1, endPfn: 4088 }],
    );
    const free = buddyFree(kernel, pageReader(kernel).array);
    t.equal(
      free.reduce((sum, each) => sum + each, 0),
      1536,
    );
    t.equal(free[1024], 1);
    t.equal(free[2559], 1);
    t.equal(free[2560], 0);
    const map = firmwareMap(kernel);
    t.equal(isUsableRam(map, pfn(0)), false);
    t.equal(isUsableRam(map, pfn(1)), true);
    t.equal(isUsableRam(map, pfn(frames.firmware)), false);
  });

  t.test("a free list that leads astray is the guest's damage", async (t) => {
    const damaged = syntheticKernel([], machine);
    const at = (name: string): number => damaged.layout[name] ?? 0;
    const zone = places.symbol('contig_page_data') + at('pglist_data.node_zones');
    const list = zone + at('zone.free_area') + 9 * at('sizeof(free_area)') + 2 * machine.wordBytes;
    // The list of order 9 leads to a descriptor that cannot begin such a block: the last one of the zone.
    damaged.set(list, damaged.get(list) + at('sizeof(page)') * (4087 - 2048));
    t.throws(() => buddyFree(damaged.kernel, pageReader(damaged.kernel).array), {
      name: 'GuestError',
      message: /frame 4087/,
    });
  });

  t.test("swsusp's bitmaps and nosave areas", async (t) => {
    const copy = readBitmap(kernel, 'copy_bm');
    t.equal(copy?.count, frames.copy.length);
    t.same(
      frames.copy.filter((frame) => copy?.pages[frame] !== 1),
      [],
    );
    t.same(
      copy?.zones.map(({ startPfn, endPfn, leaves }) => [startPfn, endPfn, leaves.length]),
      [[1, 4088, 1]],
    );
    t.equal(readBitmap(kernel, 'zero_bm')?.count, 0);
    t.equal(readBitmap(kernel, 'free_pages_map')?.storage.length, 2);
    t.same(nosaveRegions(kernel), [{ start: 160, end: 164 }]);
    t.same(nosaveSection(kernel), { start: frames.nosave, end: frames.nosave + 1 });
    const none = syntheticKernel([], machine);
    none.set(places.symbol('forbidden_pages_map'), 0);
    none.kernel.memory.bytes.fill(0, places.symbol('orig_bm'), places.symbol('orig_bm') + 32);
    t.equal(readBitmap(none.kernel, 'forbidden_pages_map'), undefined);
    t.equal(readBitmap(none.kernel, 'orig_bm'), undefined);
  });

  t.test('tasks and threads', async (t) => {
    t.same(
      tasks(kernel).map(({ pid, tgid, comm }) => ({ pid, tgid, comm })),
      [
        { pid: 0, tgid: 0, comm: 'swapper' },
        { pid: 41, tgid: 41, comm: 'agent' },
        { pid: 42, tgid: 41, comm: 'agent' },
      ],
    );
    t.equal(currentTask(kernel).pid, 41);
    if (machine.wordBytes === 8) t.equal(currentTask(kernel, 1).pid, 0, 'the second processor idles');
    t.equal(tasks(kernel)[0]?.directory, undefined, 'a kernel thread has no address space');
  });

  t.test('the memory of a process whose first thread has exited', async (t) => {
    const { kernel, set, layout, places } = syntheticKernel([], machine);
    const [, leader] = tasks(kernel);
    set(physical(kernel, leader?.address ?? va(0), layout['task_struct.mm'] ?? 0), 0);
    t.equal(tasks(kernel)[1]?.directory, undefined);
    t.equal(
      ownerNamer(kernel).name(gpa(places.frames.anonymous * PAGE_BYTES)),
      'anonymous memory, agent (pid 42) at 0x08048000',
    );
  });

  t.test('a slab page that no cache has taken, as in the pool of KFENCE', async (t) => {
    const { kernel, set, layout, descriptor } = syntheticKernel([], machine);
    set(descriptor(frames.slab) + (layout['slab.slab_cache'] ?? 0), 0);
    t.match(pageReader(kernel).state(pfn(frames.slab)), { type: 'slab', slabCache: undefined });
  });

  t.test('a frame without a descriptor', async (t) => {
    if (machine.wordBytes === 4) return;
    const hole = syntheticKernel([], machine);
    // The page of the descriptors of these frames is mapped no more.
    const first = pageReader(kernel).array.byteAt(
      gpa(Math.floor(hole.descriptor(3000) / PAGE_BYTES) * PAGE_BYTES),
    )?.frame;
    t.equal(first, 3000 - (3000 % 64));
    const entry = hole.descriptorEntry(3000);
    hole.kernel.memory.data.setUint32(entry, 0, true);
    const { array, state } = pageReader(hole.kernel);
    t.equal(array.at(pfn(3000)), undefined);
    t.match(state(pfn(3000)), { reserved: true, references: 0, type: undefined });
    t.equal(array.at(pfn(3064)), hole.descriptor(3064), 'its neighbours are still found');
  });

  t.test('owners', async (t) => {
    const name = (frame: number, offset = 0): string => ownerNamer(kernel).name(gpa(frame * PAGE_BYTES + offset));
    t.equal(ownerNamer(kernel).name(gpa(places.symbol('jiffies') + 3)), 'jiffies+0x3');
    t.equal(name(frames.slab, 64 * 3 + 12), 'slab kmalloc-64, byte 12 of object 3');
    t.equal(name(frames.anonymous, 16), 'anonymous memory, agent (pid 41) at 0x08048010');
    t.equal(name(frames.file, 1), 'page cache of inode 77 on dm-0, page 3, agent (pid 41) at 0x08049001');
    const slot = places.userEntry(USER_ADDRESS) % PAGE_BYTES;
    t.equal(
      name(frames.userTable, slot),
      `page table of agent (pid 41) for 0x08000000, entry ${slot / paging.entryBytes}`,
    );
    t.equal(name(frames.userDirectory, paging.entryBytes), 'page table of agent (pid 41) for 0x00000000, entry 1');
    t.equal(name(frames.stack, 16), 'kernel stack of agent (pid 41), +0x10');
    t.equal(name(frames.vmalloc, 8), `vmalloc ${hexVa(machine.vmalloc + 8)}`);
    t.equal(name(frames.free), 'free page');
    t.equal(name(frames.firmware), 'firmware or hole, no page of the kernel');
    t.equal(ownerNamer(kernel).name(gpa(descriptor(9) + 4)), 'mem_map: page descriptor of pfn 9, +0x4');
    t.equal(ownerNamer(kernel).name(gpa(descriptor(4000) + 8)), 'mem_map: page descriptor of pfn 4000, +0x8');
    t.match(name(900), /^page of the kernel/);
    t.equal(
      ownerNamer(kernel).name(gpa(places.stackPointer)),
      `kernel stack of agent (pid 41), +0x${(8192 - 400).toString(16)}`,
    );
    if (machine.wordBytes === 8) {
      const hot = ownerNamer(kernel).name(gpa(places.symbol('pcpu_hot') + 4));
      t.equal(hot, 'pcpu_hot+0x4 of processor 0');
      t.equal(
        ownerNamer(kernel).name(gpa(physical(kernel, get(places.symbol('__per_cpu_offset') + 8), 0x88))),
        'wq_watchdog_touched_cpu of processor 1',
      );
    }
  });

  t.test('what each page is used for', async (t) => {
    const made = syntheticKernel([], machine);
    const of = (name: string): number => made.layout[name] ?? NaN;
    const reader = kindReader(made.kernel);
    t.equal(
      reader.pieces.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
      PAGES * of('sizeof(page)'),
      'all descriptors are read',
    );
    t.equal(reader.pieces.length, machine.wordBytes === 4 ? 1 : (PAGES * of('sizeof(page)')) / PAGE_BYTES);
    const kinds = (): readonly (string | undefined)[] =>
      Array.from(
        reader.kinds(
          reader.pieces.map(({ at, lengthBytes }) => made.kernel.memory.bytes.subarray(at, at + lengthBytes)),
        ),
        (kind) => PAGE_KINDS[kind],
      );
    const before = kinds();
    t.equal(before.length, PAGES);
    const { free, slab, userTable, file, anonymous, stack, vmalloc, firmware } = frames;
    t.same(
      [free, slab, userTable, file, anonymous, stack, vmalloc, firmware, 0].map((frame) => before[frame]),
      ['free', 'slab', 'pageTable', 'pageCache', 'anonymous', 'kernel', 'kernel', 'noRam', 'noRam'],
    );
    const text = places.symbol('_text') / PAGE_BYTES;
    t.same(
      [text, 900, 901, 902].map((frame) => before[frame]),
      ['kernelImage', 'kernel', 'kernel', 'kernel'],
    );
    t.equal(before.filter((kind) => kind === 'free').length, 1024 + 512, 'as many as the lists have');

    const { data } = made.kernel.memory;
    data.setUint32(made.descriptor(900) + of('page._refcount'), 0, true);
    const head = made.descriptor(901) + of('page.compound_head');
    made.set(head, constant(made.kernel.layout, 'vmemmap') + anonymous * of('sizeof(page)'));
    made.tag(head, 1);
    data.setUint32(made.descriptor(902) + of('page.page_type'), of('PGTY_guard') * 2 ** 24, true);
    made.set(made.descriptor(903) + of('page.flags'), 2 ** of('PG_swapcache') + 2 ** of('PG_swapbacked'));
    made.set(made.descriptor(904) + of('page.flags'), 2 ** of('PG_swapcache'));
    made.set(made.descriptor(text), 0);
    const after = kinds();
    t.equal(after[900], 'free', 'on no list, because a processor keeps it');
    t.equal(after[901], 'anonymous', 'a later page of a large one');
    t.equal(after[902], 'kernel', 'a guard page');
    t.equal(after[903], 'anonymous', 'in the swap cache');
    t.equal(after[904], 'kernel', 'the bit means something else on pages that are not swapped');
    t.equal(after[text], 'kernel', 'a page of the image that was given back after the boot, and has another use');
  });

  t.test('zones of several nodes', async (t) => {
    if (machine.wordBytes === 4) return;
    const two = syntheticKernel([], machine);
    const at = (name: string): number => two.layout[name] ?? 0;
    const zone = two.places.symbol('contig_page_data') + at('pglist_data.node_zones');
    const second = physical(two.kernel, two.get(two.places.symbol('node_data') + 8), at('pglist_data.node_zones'));
    two.set(zone + at('zone.spanned_pages'), 2999);
    two.set(second + at('zone.zone_start_pfn'), 3000);
    two.set(second + at('zone.spanned_pages'), 1088);
    two.set(second + at('zone.name'), two.get(zone + at('zone.name')));
    t.same(
      zones(two.kernel).map(({ startPfn, endPfn }) => [startPfn, endPfn]),
      [
        [1, 3000],
        [3000, 4088],
      ],
    );
  });

  t.test('a page of the kernel image that was given back after the boot belongs to whoever has it now', async (t) => {
    const bytes = kernel.memory.bytes.slice();
    const frame = Math.floor(places.symbol('jiffies') / PAGE_BYTES);
    new DataView(bytes.buffer).setUint32(descriptor(frame), 0, true);
    const later = { ...kernel, memory: guestMemory(bytes) };
    t.match(ownerNamer(later).name(gpa(places.symbol('jiffies'))), /^page of the kernel \(flags 0x0/);
  });
}
