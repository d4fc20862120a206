// SPDX-License-Identifier: MIT
import t from 'tap';
import { PAGE_BYTES, gpa, pfn } from '../../../emulator/machine/units.js';
import { nosaveRegions, nosaveSection, readBitmap } from '../../../emulator/memory/bitmaps.js';
import { constant, constant64, parseLayout } from '../../../emulator/memory/layout.js';
import { ownerNamer } from '../../../emulator/memory/owner.js';
import { mappings, translate } from '../../../emulator/memory/pagetable.js';
import { pageReader } from '../../../emulator/memory/pages.js';
import { addressOf, nameAddress, parseSystemMap } from '../../../emulator/memory/symbols.js';
import { currentTask, tasks } from '../../../emulator/memory/tasks.js';
import { guestMemory, readString, readU16, readU32, readU64, readU8, va } from '../../../emulator/memory/view.js';
import { buddyFree, firmwareMap, isUsableRam, zones } from '../../../emulator/memory/zones.js';
import { layoutTable, PAGE_OFFSET, syntheticKernel } from './synthetic-kernel.js';

const { kernel, places } = syntheticKernel();
const { frames } = places;

t.test('memory is read little-endian, and never beyond its end', async (t) => {
  const memory = guestMemory(new Uint8Array(PAGE_BYTES).fill(0).map((_, i) => i));
  t.equal(readU8(memory, gpa(1)), 1);
  t.equal(readU16(memory, gpa(1)), 0x0201);
  t.equal(readU32(memory, gpa(1)), 0x04030201);
  t.equal(readU64(memory, gpa(0)), 0x03020100 + 0x07060504 * 2 ** 32);
  t.equal(readString(guestMemory(new Uint8Array(PAGE_BYTES).fill(0x61, 0, 5)), gpa(0), 16), 'aaaaa');
  t.throws(() => readU32(memory, gpa(PAGE_BYTES - 2)), { name: 'GuestError' });
  t.throws(() => readU32(memory, gpa(-4)), { name: 'GuestError' });
  t.throws(() => guestMemory(new Uint8Array(100)), { name: 'RigError' });
});

t.test('System.map: both ways, statics and absolutes included', async (t) => {
  const table = parseSystemMap(
    'c1000010 t second\nc1000000 T first\n00000100 A absolute\nc1000020 d twice\nc1000030 d twice\n',
  );
  t.equal(addressOf(table, 'second'), 0xc1000010);
  t.equal(addressOf(table, 'twice'), 0xc1000020);
  t.equal(nameAddress(table, va(0xc1000010)), 'second');
  t.equal(nameAddress(table, va(0xc100000f)), 'first+0xf');
  t.equal(nameAddress(table, va(0xc1000099)), 'twice+0x69');
  t.equal(nameAddress(table, va(0x200)), undefined, 'an absolute symbol names no memory');
  t.throws(() => addressOf(table, 'absent'), { name: 'InputError', message: /absent/ });
  t.throws(() => parseSystemMap('c1000000 T first\nnonsense\n'), { name: 'InputError', message: /System.map:2/ });
});

t.test('layout table: read, damaged, incomplete', async (t) => {
  const bytes = layoutTable({
    'page.flags': 4,
    'a.name.of.thirty-two.characters.': 7,
    PAGE_OFFSET: 0xffff_8880_0000_0000n,
  });
  const layout = parseLayout(bytes);
  t.equal(constant(layout, 'page.flags'), 4);
  t.equal(constant(layout, 'a.name.of.thirty-two.characters.'), 7);
  t.equal(constant64(layout, 'page.flags'), 4n);
  t.equal(constant64(layout, 'PAGE_OFFSET'), 0xffff_8880_0000_0000n);
  t.throws(() => constant(layout, 'PAGE_OFFSET'), { name: 'RigError', message: /PAGE_OFFSET.*0xffff888000000000/ });
  t.throws(() => constant(layout, 'page.absent'), { name: 'RigError', message: /page.absent/ });
  t.throws(() => parseLayout(bytes.subarray(0, 50)), { name: 'RigError' });
  t.throws(() => parseLayout(bytes.with(0, 1)), { name: 'RigError', message: /magic/ });
});

t.test('page tables: small pages, large pages, holes', async (t) => {
  const directory = gpa(frames.userDirectory * PAGE_BYTES);
  t.equal(translate(kernel.memory, directory, va(0x08048123)), frames.anonymous * PAGE_BYTES + 0x123);
  t.equal(translate(kernel.memory, directory, va(0x0804a000)), undefined);
  t.equal(translate(kernel.memory, directory, va(0x40000000)), undefined);
  t.equal(
    translate(kernel.memory, places.symbol('swapper_pg_dir'), va(PAGE_OFFSET + 0x412345)),
    0x412345,
    'a 4 MiB page',
  );
  t.same(
    [...mappings(kernel.memory, directory, va(0), PAGE_OFFSET)],
    [
      { address: 0x08048000, frame: frames.anonymous, writable: true, large: false },
      { address: 0x08049000, frame: frames.file, writable: false, large: false },
    ],
  );
  t.equal(
    [...mappings(kernel.memory, places.symbol('swapper_pg_dir'), va(PAGE_OFFSET + 0x3ff000), PAGE_OFFSET + 0x401000)]
      .length,
    2,
  );
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
  const damaged = syntheticKernel();
  const zone = places.symbol('contig_page_data') + 16;
  const list = zone + 64 + 9 * 36 + 8;
  // The list of order 9 leads to a descriptor that cannot begin such a block: the last one of the zone.
  const descriptor = readU32(damaged.kernel.memory, gpa(list)) + 32 * (4087 - 2048);
  damaged.kernel.memory.data.setUint32(list, descriptor, true);
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
  const none = syntheticKernel();
  none.kernel.memory.data.setUint32(places.symbol('forbidden_pages_map'), 0, true);
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
  t.equal(tasks(kernel)[0]?.directory, undefined, 'a kernel thread has no address space');
});

t.test('a slab page that no cache has taken, as in the pool of KFENCE', async (t) => {
  const { kernel } = syntheticKernel();
  const { array, state } = pageReader(kernel);
  const cacheAt = array.at + frames.slab * array.descriptorBytes + constant(kernel.layout, 'slab.slab_cache');
  kernel.memory.bytes.fill(0, cacheAt, cacheAt + 4);
  t.match(state(pfn(frames.slab)), { type: 'slab', slabCache: undefined });
});

t.test('owners', async (t) => {
  const name = (frame: number, offset = 0): string => ownerNamer(kernel).name(gpa(frame * PAGE_BYTES + offset));
  t.equal(ownerNamer(kernel).name(gpa(places.symbol('jiffies') + 3)), 'jiffies+0x3');
  t.equal(name(frames.slab, 64 * 3 + 12), 'slab kmalloc-64, byte 12 of object 3');
  t.equal(name(frames.anonymous, 16), 'anonymous memory, agent (pid 41) at 0x08048010');
  t.equal(name(frames.file, 1), 'page cache of inode 77 on dm-0, page 3, agent (pid 41) at 0x08049001');
  t.equal(name(frames.userTable, 8), 'page table of agent (pid 41) for 0x08000000, entry 2');
  t.equal(name(frames.userDirectory, 4), 'page table of agent (pid 41) for 0x00000000, entry 1');
  t.equal(name(frames.stack, 16), 'kernel stack of agent (pid 41), +0x10');
  t.equal(name(frames.vmalloc, 5), 'vmalloc 0xf0000005');
  t.equal(name(frames.free), 'free page');
  t.equal(name(frames.firmware), 'firmware or hole, no page of the kernel');
  const array = pageReader(kernel).array;
  t.equal(ownerNamer(kernel).name(gpa(array.at + 9 * 32 + 4)), 'mem_map: page descriptor of pfn 9, +0x4');
  t.match(name(900), /^page of the kernel/);
});

t.test('a page of the kernel image that was given back after the boot belongs to whoever has it now', async (t) => {
  const bytes = kernel.memory.bytes.slice();
  const frame = Math.floor(places.symbol('jiffies') / PAGE_BYTES);
  const { array } = pageReader(kernel);
  new DataView(bytes.buffer).setUint32(array.at + frame * array.descriptorBytes, 0, true);
  const later = { ...kernel, memory: guestMemory(bytes) };
  t.match(ownerNamer(later).name(gpa(places.symbol('jiffies'))), /^page of the kernel \(flags 0x0/);
});
