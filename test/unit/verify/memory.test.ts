// SPDX-License-Identifier: MIT
import t, { type Test } from 'tap';
import { PAGE_BYTES, gpa, gpaOfPfn, pfn } from '../../../emulator/machine/units.js';
import { direct, physical, readWord } from '../../../emulator/memory/kernel.js';
import { ACCESSED, DIRTY, entryFor } from '../../../emulator/memory/pagetable.js';
import { hexVa } from '../../../emulator/memory/view.js';
import { accountForPages } from '../../../emulator/verify/memory/account.js';
import {
  differingFrames,
  differingRuns,
  wordComparer,
  type Comparer,
} from '../../../emulator/verify/memory/compare.js';
import { verifyMemory, type MemoryResult } from '../../../emulator/verify/memory/verify.js';
import { accountForCopy, writtenByCopy } from '../../../emulator/verify/memory/written.js';
import { BITS_PER_LEAF } from '../../../emulator/memory/bitmaps.js';
import {
  FIVE_LEVELS,
  I386,
  PAE,
  PAGES,
  X86_64,
  layoutOf,
  syntheticKernel as makeKernel,
  type SyntheticKernel,
  type SyntheticMachine,
} from '../memory/synthetic-kernel.js';

const flip = (bytes: Uint8Array, at: number): void => {
  bytes[at] = (bytes[at] as number) ^ 0x40;
};

t.test('comparison by pages: every comparer, every place', async (t) => {
  const bufferComparer: Comparer = (a, b) => (from, to) =>
    Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0;
  const pages = 200;
  const a = new Uint8Array(pages * PAGE_BYTES).map((_, i) => (i * 7) >>> 3);
  const selected = new Uint8Array(pages).fill(1);
  selected[100] = 0;
  for (const comparer of [wordComparer, bufferComparer]) {
    t.same(differingFrames(a, a.slice(), selected, comparer), []);
    for (const at of [0, PAGE_BYTES - 1, 63 * PAGE_BYTES, 64 * PAGE_BYTES + 9, pages * PAGE_BYTES - 1]) {
      const b = a.slice();
      flip(b, at);
      t.same(differingFrames(a, b, selected, comparer), [Math.floor(at / PAGE_BYTES)], `byte ${at}`);
    }
    const b = a.slice();
    flip(b, 100 * PAGE_BYTES);
    t.same(differingFrames(a, b, selected, comparer), [], 'a page that is not selected');
  }
  // Not even a word of zero and minus zero, or not-a-number, deceives it; and a capture may begin anywhere in its buffer.
  const odd = new Uint8Array(2 * PAGE_BYTES + 1).subarray(1);
  const other = odd.slice();
  other[7] = 0x80;
  t.same(differingFrames(odd, other, new Uint8Array(2).fill(1)), [pfn(0)]);
});

t.test('runs of differing bytes', async (t) => {
  t.same(differingRuns(Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(1, 9, 9, 4, 8)), [
    { start: 1, end: 3 },
    { start: 4, end: 5 },
  ]);
  t.same(differingRuns(Uint8Array.of(1), Uint8Array.of(1)), []);
});

for (const machine of [I386, X86_64]) t.test(machine.name, async (t) => proofs(t, machine));

t.test('the other formats of page tables', async (t) => {
  for (const machine of [PAE, FIVE_LEVELS]) {
    const made = makeKernel([180], machine);
    const restored = made.restored();
    const verifyIt = (): MemoryResult => verifyMemory({ atCopy: made.kernel, restored });
    t.same(verifyIt().differences, [], machine.name);
    flip(restored, made.places.frames.anonymous * PAGE_BYTES + 16);
    t.match(verifyIt().differences, [{ owner: 'anonymous memory, agent (pid 41) at 0x08048010', bytes: 1 }]);
  }
});

function proofs(t: Test, machine: SyntheticMachine): void {
  const syntheticKernel = (preserved: readonly number[] = []): SyntheticKernel => makeKernel(preserved, machine);
  const word = machine.wordBytes;
  const cursorAt = layoutOf(machine)['memory_bitmap.cur'] ?? 0;
  const cursorBytes = 4 * word + 4;

  /** Verifies a copy and a restore, with something done to them before. */
  function verify(mutate: (restored: Uint8Array, made: SyntheticKernel) => void = () => undefined): MemoryResult {
    const made = syntheticKernel();
    const restored = made.restored();
    mutate(restored, made);
    return verifyMemory({ atCopy: made.kernel, restored });
  }

  function verifyPreserving(
    preserved: readonly number[],
    mutate: (restored: Uint8Array) => void = () => undefined,
  ): MemoryResult {
    const made = syntheticKernel(preserved);
    const restored = made.restored();
    mutate(restored);
    return verifyMemory({ atCopy: made.kernel, restored });
  }

  t.test('a faithful restore: no difference, and every page accounted for', async (t) => {
    const result = verify();
    t.same(result.differences, []);
    t.equal(result.pagesDiffering, 0);
    t.same(result.pagesOmitted, {
      free: 1536,
      nosaveRegion: 4,
      nosaveSection: 1,
      imageCopy: 1403,
      imageBitmap: 6,
      rollback: 0,
      firmware: 9,
      unmapped: 0,
      offline: 0,
      guard: 0,
    });
    const omitted = Object.values(result.pagesOmitted).reduce((sum, each) => sum + each, 0);
    t.equal(result.pagesCompared + omitted, PAGES, 'nothing is left over');
    t.same(
      result.written.map(({ reason }) => reason),
      ['originalCursor', 'copyCursor', 'zeroCursor', 'deadStack', 'returnAddress'],
    );
    t.ok(
      result.written.every(({ reason, bytesDiffering }) => bytesDiffering > 0 || reason === 'returnAddress'),
      'the loop did move on',
    );
  });

  t.test('one altered byte is found, in whatever page it is, and named', async (t) => {
    const { places } = syntheticKernel();
    const { frames } = places;
    const cases: readonly [frame: number, offset: number, owner: RegExp][] = [
      [frames.anonymous, 5, /^anonymous memory, agent \(pid 41\) at 0x08048005$/],
      [frames.file, 4095, /^page cache of inode 77 on dm-0, page 3/],
      [frames.slab, 64, /^slab kmalloc-64, byte 0 of object 1$/],
      [frames.userTable, 0x120, /^page table of agent/],
      [frames.vmalloc, 0, new RegExp(`^vmalloc ${hexVa(machine.vmalloc)}$`)],
      [frames.kernelData, (places.symbol('jiffies') % PAGE_BYTES) + 1, /^jiffies\+0x1$/],
      [frames.zeros[0] ?? 0, 9, /^page of the kernel/],
      [(places.symbol('do_something') / PAGE_BYTES) | 0, 0x104, /^do_something\+0x4$/],
    ];
    for (const [frame, offset, owner] of cases) {
      const result = verify((restored) => flip(restored, frame * PAGE_BYTES + offset));
      t.equal(result.pagesDiffering, 1);
      t.match(
        result.differences,
        [{ kind: 'content', pfn: frame, firstOffset: offset, bytes: 1, owner }],
        `pfn ${frame}`,
      );
    }
  });

  t.test('preserved pages are of the image, and the copy loop passes over them', async (t) => {
    const { zeros } = syntheticKernel().places.frames;
    // Before the bitmaps, among the data and among the zero pages: the positions at which the loop stands depend on them.
    const preserved = [180, zeros[0] ?? 0, 620];
    const good = verifyPreserving(preserved);
    t.same(good.differences, []);
    t.equal(good.pagesCompared, verify().pagesCompared);
    const spoilt = verifyPreserving(preserved, (restored) => flip(restored, 180 * PAGE_BYTES + 3));
    t.match(spoilt.differences, [{ kind: 'content', pfn: 180, firstOffset: 3, bytes: 1 }]);
    const { kernel } = syntheticKernel(preserved);
    const restored = syntheticKernel().restored();
    t.not(
      verifyMemory({ atCopy: kernel, restored }).pagesDiffering,
      0,
      'a loop that copied them all the same stands elsewhere',
    );
  });

  t.test('two pages that changed places', async (t) => {
    const result = verify((restored) => {
      const [one, other] = [800 * PAGE_BYTES, 801 * PAGE_BYTES];
      const kept = restored.slice(one, one + PAGE_BYTES);
      restored.copyWithin(one, other, other + PAGE_BYTES);
      restored.set(kept, other);
    });
    t.same(
      result.differences.map(({ pfn: frame }) => frame),
      [800, 801],
    );
    t.equal(result.differences[0]?.bytes, PAGE_BYTES);
  });

  t.test('what the loop writes must be what it would have written', async (t) => {
    const made = syntheticKernel();
    const accounted = accountForCopy(made.kernel);
    const restored = made.restored();
    for (const name of ['orig_bm', 'copy_bm', 'zero_bm'] as const) {
      for (let offset = cursorAt; offset < cursorAt + cursorBytes; offset++) {
        const at = made.places.symbol(name) + offset;
        flip(restored, at);
        t.equal(verifyMemory({ atCopy: made.kernel, accounted, restored }).pagesDiffering, 1, `${name}+${offset}`);
        flip(restored, at);
      }
    }
    const stood = verify((restored, { kernel, places }) => {
      const cursor = places.symbol('orig_bm') + cursorAt;
      restored.set(kernel.memory.bytes.subarray(cursor, cursor + cursorBytes), cursor);
    });
    t.equal(stood.pagesDiffering, 1, 'a cursor that did not move is wrong as well');
    t.match(stood.differences[0]?.owner, /^orig_bm\+/);
  });

  // In a real kernel, these are variables such as pm_wq and suspend_stats.
  t.test('what else lies in the page of the cursors must not change', async (t) => {
    const made = syntheticKernel();
    const accounted = accountForCopy(made.kernel);
    const restored = made.restored();
    const page = Math.floor(made.places.symbol('orig_bm') / PAGE_BYTES) * PAGE_BYTES;
    const isCursor = (at: number): boolean =>
      accounted.written.some(({ start, lengthBytes }) => at >= start && at < start + lengthBytes);
    const others = Array.from({ length: PAGE_BYTES }, (_, offset) => page + offset).filter((at) => !isCursor(at));
    t.ok(others.length < PAGE_BYTES - cursorBytes);
    const ends = others.filter((at, index) => index % 512 === 0 || isCursor(at + 1) || isCursor(at - 1));
    for (const at of ends) {
      flip(restored, at);
      t.match(
        verifyMemory({ atCopy: made.kernel, accounted, restored }).differences,
        [{ bytes: 1 }],
        `byte ${at - page}`,
      );
      flip(restored, at);
    }
  });

  t.test('the processor marks the entries of the first copies as dirty, and of no others', async (t) => {
    const made = syntheticKernel();
    const { kernel } = made;
    const { memory, addressing } = kernel;
    const directory = physical(kernel, addressing.directory);
    const copies = [...accountForPages(kernel).copy.pages.entries()].flatMap(([frame, is]) =>
      is === 1 ? [frame] : [],
    );
    /** Takes the dirty bit from the entry that maps a copy. Returns where it is. */
    const clean = (frame: number | undefined): number => {
      const entry = entryFor(memory, addressing.paging, directory, direct(kernel, gpaOfPfn(pfn(frame ?? 0))));
      if (entry === undefined) throw new Error('the kernel does not map it');
      memory.bytes[entry.at] = (memory.bytes[entry.at] ?? 0) & ~DIRTY;
      return entry.at;
    };
    const [first, last] = [clean(copies[0]), clean(copies.at(-1))];
    t.not(first, last);
    const accounted = accountForCopy(kernel);
    const dirty = accounted.written.filter(({ reason }) => reason === 'dirtyEntry').map(({ start }) => start);
    t.same(dirty, [first], 'the tables are copied before the last copies are made');
    const differing = (mutate: (restored: Uint8Array) => void): number => {
      const restored = made.restored();
      mutate(restored);
      return verifyMemory({ atCopy: kernel, accounted, restored }).pagesDiffering;
    };
    const mark = (restored: Uint8Array, at: number, bits: number): void => {
      restored[at] = (restored[at] ?? 0) | bits;
    };
    t.equal(
      differing((restored) => mark(restored, first, ACCESSED | DIRTY)),
      0,
    );
    t.equal(
      differing(() => undefined),
      1,
      'a copy that left no mark was not made',
    );
    t.equal(
      differing((restored) => {
        mark(restored, first, ACCESSED | DIRTY);
        flip(restored, first + 1);
      }),
      1,
      'nothing else of the entry may change',
    );
    t.equal(
      differing((restored) => {
        mark(restored, first, ACCESSED | DIRTY);
        mark(restored, last, DIRTY);
      }),
      1,
    );
  });

  t.test('the watchdogs of a debug kernel are touched when the loop steps to another leaf', async (t) => {
    const made = syntheticKernel();
    const { kernel, places } = made;
    const set = (name: string, value: number): void => made.set(places.symbol(name), value);
    set('jiffies', 5000);
    set('wq_watchdog_thresh', 30);
    set('wq_watchdog_touched', 3000);
    const account = accountForPages(kernel);
    const readAll = (data: DataView): number =>
      word === 4 ? data.getUint32(0, true) : Number(data.getBigInt64(0, true));
    const touches = (firstPfn: number): [gpa: number, value: number][] => {
      // The zone begins elsewhere, so that the page of the variables comes in another leaf.
      const zones = account.original.zones.map((zone) => ({ ...zone, startPfn: firstPfn }));
      return writtenByCopy(kernel, { ...account, original: { ...account.original, zones } })
        .filter(({ reason }) => reason === 'watchdogTouch')
        .map(({ start, expected = new Uint8Array(word) }) => [start, readAll(new DataView(expected.buffer))]);
    };
    t.same(touches(1), [], 'before the first step');
    // With a page of its own for each processor, the variables are not all in one page.
    const frameOf = (name: string): number => Math.floor(places.symbol(name) / PAGE_BYTES);
    const names = ['watchdog_report_ts', 'wq_watchdog_touched_cpu', 'wq_watchdog_touched'] as const;
    const first = Math.min(...names.map(frameOf));
    t.same(touches(first + 1 - BITS_PER_LEAF).length, first === frameOf('watchdog_report_ts') ? 0 : 2);
    t.same(touches(first - BITS_PER_LEAF), [
      [places.symbol('watchdog_report_ts'), word === 4 ? 0xffffffff : -1],
      [places.symbol('wq_watchdog_touched_cpu'), 5000],
      [places.symbol('wq_watchdog_touched'), 5000],
    ]);
    set('wq_watchdog_touched', 3125);
    t.equal(touches(first - BITS_PER_LEAF).length, 2, 'the global time is noted only when it is due');
  });

  t.test('the dead stack ends at the frame that lives', async (t) => {
    const { places } = syntheticKernel();
    t.equal(
      verify((restored) => flip(restored, places.stackPointer - 1)).pagesDiffering,
      0,
      'below the stack pointer nothing counts',
    );
    t.equal(
      verify((restored) => flip(restored, places.stackPointer + word - 1)).pagesDiffering,
      0,
      'the return address has been taken off',
    );
    const live = verify((restored) => flip(restored, places.stackPointer + word));
    t.match(live.differences, [{ kind: 'content', owner: /^kernel stack of agent/ }]);
    t.equal(verify((restored) => flip(restored, places.stackPointer - 769)).pagesDiffering, 1, 'and it is not deep');
  });

  t.test('the dead stack in two pages, wherever they lie', async (t) => {
    const made = syntheticKernel();
    const { kernel, places } = made;
    const saved = word === 4 ? places.symbol('saved_context_esp') : places.symbol('saved_context') + 152;
    // To 104 bytes above the beginning of the upper page.
    made.set(saved, made.get(saved) - (PAGE_BYTES - 400 - 104));
    const upper = Math.floor(places.stackPointer / PAGE_BYTES) * PAGE_BYTES;
    t.same(
      writtenByCopy(kernel, accountForPages(kernel))
        .filter(({ reason }) => reason === 'deadStack')
        .map(({ start, lengthBytes }) => [start, lengthBytes]),
      [
        [(places.frames.stack + 1) * PAGE_BYTES - 664, 664],
        [upper, 104],
      ],
    );
  });

  t.test('pages outside of the image may hold anything', async (t) => {
    const { frames } = syntheticKernel().places;
    for (const frame of [frames.free, frames.copy[0] ?? 0, frames.nosaveRegion, frames.firmware]) {
      t.equal(verify((restored) => flip(restored, frame * PAGE_BYTES + 7)).pagesDiffering, 0, `pfn ${frame}`);
    }
  });

  t.test('a page that the image forgot is lost', async (t) => {
    const result = verify((_restored, made) => {
      const { kernel, places } = made;
      const leaf = bitAddress(made, places.symbol('orig_bm'), 900);
      kernel.memory.bytes[leaf.at] = (kernel.memory.bytes[leaf.at] as number) & ~leaf.mask;
    });
    t.match(result.differences, [{ kind: 'lost', pfn: 900, bytes: PAGE_BYTES }]);
  });

  t.test('a free page in the image is superfluous', async (t) => {
    const made = syntheticKernel();
    const { at, mask } = bitAddress(made, made.places.symbol('orig_bm'), made.places.frames.free);
    made.kernel.memory.bytes[at] = (made.kernel.memory.bytes[at] as number) | mask;
    const restored = made.restored();
    const page = made.places.frames.free * PAGE_BYTES;
    restored.set(made.kernel.memory.bytes.subarray(page, page + PAGE_BYTES), page);
    const result = verifyMemory({ atCopy: made.kernel, restored });
    t.match(result.differences, [{ kind: 'superfluous', pfn: made.places.frames.free, owner: 'free page (free)' }]);
  });

  t.test("reasons are those of the kernel's own structures", async (t) => {
    const guard = verify((_restored, made) => {
      const { kernel, places, layout } = made;
      made.set(made.descriptor(900) + (layout['page.page_type'] ?? 0), 0xf3 * 2 ** 24);
      const { at, mask } = bitAddress(made, places.symbol('orig_bm'), 900);
      kernel.memory.bytes[at] = (kernel.memory.bytes[at] as number) & ~mask;
    });
    // The altered descriptor itself is memory of the image, which the restore did not see.
    t.match(guard.pagesOmitted, { guard: 1 });
    t.notOk(guard.differences.some(({ kind }) => kind === 'lost'));
  });

  t.test('captures of other moments are refused', async (t) => {
    const made = syntheticKernel();
    t.throws(() => verifyMemory({ atCopy: made.kernel, restored: made.kernel.memory.bytes.slice() }), {
      name: 'RigError',
      message: /second capture/,
    });
    t.throws(() => verifyMemory({ atCopy: made.kernel, restored: new Uint8Array(PAGE_BYTES) }), {
      name: 'RigError',
      message: /pages/,
    });
    const early = syntheticKernel();
    early.kernel.memory.data.setUint32(early.places.symbol('in_suspend'), 0, true);
    t.throws(() => verifyMemory({ atCopy: early.kernel, restored: early.restored() }), {
      name: 'RigError',
      message: /first capture/,
    });
    const empty = syntheticKernel();
    const restored = empty.restored();
    for (let frame = 1; frame < 4088; frame++) {
      const { at } = bitAddress(empty, empty.places.symbol('orig_bm'), frame);
      empty.kernel.memory.bytes[at] = 0;
    }
    t.throws(() => verifyMemory({ atCopy: empty.kernel, restored }), { name: 'RigError', message: /orig_bm is empty/ });
  });

  t.test('a guest with broken structures still gets its differences shown', async (t) => {
    const made = syntheticKernel();
    const restored = made.restored();
    flip(restored, 900 * PAGE_BYTES);
    // The list of tasks leads nowhere.
    made.set(made.places.symbol('init_task') + (made.layout['task_struct.tasks'] ?? 0), 0xdeadbeef);
    const tasksPage = Math.floor(made.places.symbol('init_task') / PAGE_BYTES);
    restored.set(
      made.kernel.memory.bytes.subarray(tasksPage * PAGE_BYTES, (tasksPage + 1) * PAGE_BYTES),
      tasksPage * PAGE_BYTES,
    );
    const result = verifyMemory({ atCopy: made.kernel, restored });
    t.match(result.differences, [{ pfn: 900, owner: /^unknown \(/ }]);
  });

  t.test('damaged process lists keep no other difference from being reported', async (t) => {
    const made = syntheticKernel([620]);
    const restored = made.restored();
    flip(restored, made.places.frames.kernelData * PAGE_BYTES);
    const next = made.places.symbol('init_task') + (made.layout['task_struct.tasks'] ?? 0);
    // The same in both: the list leads out of RAM.
    made.set(next, made.address(0) + 0xff_f000_0000);
    restored.set(made.kernel.memory.bytes.subarray(next, next + word), next);
    const result = verifyMemory({ atCopy: made.kernel, restored });
    t.match(result.differences, [{ kind: 'content', pfn: made.places.frames.kernelData, owner: /^unknown \(/ }]);
    t.match(result.endangeredUnknown, /./);
  });
}

/** Byte and mask of a frame's bit in a bitmap of the synthetic kernel, which has one zone with one leaf. */
function bitAddress({ kernel, layout }: SyntheticKernel, bitmap: number, frame: number): { at: number; mask: number } {
  const follow = (where: number, field: string): number =>
    physical(kernel, readWord(kernel, gpa(where + (layout[field] ?? 0))));
  const zone = follow(bitmap, 'memory_bitmap.zones');
  const node = follow(zone, 'mem_zone_bm_rtree.leaves');
  const leaf = follow(node, 'rtree_node.data');
  return { at: leaf + ((frame - 1) >>> 3), mask: 1 << ((frame - 1) & 7) };
}
