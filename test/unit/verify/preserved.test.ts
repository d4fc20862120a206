// SPDX-License-Identifier: MIT
import t, { type Test } from 'tap';
import { PAGE_BYTES } from '../../../emulator/machine/units.js';
import { endangeredPages } from '../../../emulator/verify/memory/preserved.js';
import { preservedPages } from '../../../emulator/memory/bitmaps.js';
import { physical } from '../../../emulator/memory/kernel.js';
import {
  MACHINES,
  USER_ADDRESS,
  syntheticKernel,
  type SyntheticKernel,
  type SyntheticMachine,
} from '../memory/synthetic-kernel.js';

const READ_ONLY = 0x65;

for (const machine of MACHINES) t.test(machine.name, async (t) => checks(t, machine));

function checks(t: Test, machine: SyntheticMachine): void {
  const { frames } = syntheticKernel([], machine).places;

  /** A kernel that preserves the page of its process, as it should unless told otherwise. */
  function preserving({
    writable = false,
    references = 2,
    mapped = 1,
    swapCache = false,
    exclusive = false,
  } = {}): SyntheticKernel {
    const made = syntheticKernel([frames.anonymous], machine);
    const { layout, places, kernel } = made;
    const entry = places.userEntry(USER_ADDRESS);
    if (!writable) kernel.memory.data.setUint32(entry, frames.anonymous * PAGE_BYTES + READ_ONLY, true);
    const descriptor = made.descriptor(frames.anonymous);
    made.set(descriptor + (layout['page._refcount'] ?? 0), references);
    kernel.memory.data.setInt32(descriptor + (layout['page.page_type'] ?? 0), mapped - 1, true);
    const flags = [
      'PG_swapbacked',
      ...(swapCache ? ['PG_swapcache'] : []),
      ...(exclusive ? ['PG_anon_exclusive'] : []),
    ];
    made.set(
      descriptor,
      flags.reduce((sum, name) => sum + 2 ** (layout[name] ?? 0), 0),
    );
    return made;
  }
  const dangers = ({ kernel }: SyntheticKernel): readonly string[] =>
    endangeredPages(kernel, preservedPages(kernel)).map(({ danger, because }) => `${danger}: ${because}`);

  t.test('what is held and write-protected is safe', async (t) => {
    t.same(dangers(syntheticKernel([], machine)), [], 'nothing preserved');
    t.same(dangers(preserving()), []);
    t.same(dangers(preserving({ references: 3, swapCache: true })), []);
  });

  t.test('a page that a program can write to', async (t) => {
    const [found] = endangeredPages(preserving({ writable: true }).kernel, preservedPages(preserving().kernel));
    t.match(found, {
      pfn: frames.anonymous,
      danger: 'writable',
      because: /^\w+ \(pid \d+\) can write to it$/,
      owner: /anonymous memory/,
    });
  });

  t.test('a page that a program will be able to write to', async (t) => {
    t.same(dangers(preserving({ exclusive: true })), ['exclusive: a page fault makes it writable']);
  });

  t.test('a page that nobody holds for the image', async (t) => {
    t.same(dangers(preserving({ references: 1 })), ['unheld: 1 references, 1 of them by page tables']);
    t.same(
      dangers(preserving({ references: 0, mapped: 0 })),
      ['unheld: 0 references, 0 of them by page tables'],
      'nor anybody else',
    );
    t.same(
      dangers(preserving({ references: 2, swapCache: true })),
      ['unheld: 2 references, 1 of them by page tables, 1 by the swap cache'],
      'the swap cache holds it for swap',
    );
  });

  t.test('a page that somebody else holds, too', async (t) => {
    t.same(dangers(preserving({ references: 3 })), ['shared: 3 references, 1 of them by page tables']);
    t.same(
      dangers(preserving({ references: 4, swapCache: true })),
      ['shared: 4 references, 1 of them by page tables, 1 by the swap cache'],
      'besides the swap cache',
    );
  });

  t.test('a page that an earlier snapshot has kept', async (t) => {
    /** Preserves another page. */
    const keeping = (flags: number, references = 1, mapping?: number): SyntheticKernel => {
      const made = syntheticKernel([620], machine);
      const set = (field: string, value: number): void =>
        made.set(made.descriptor(frames.anonymous) + (made.layout[field] ?? 0), value);
      set('page.flags', flags);
      set('page._refcount', references);
      if (mapping !== undefined) set('page.mapping', mapping);
      return made;
    };
    const onLru = 2 ** (syntheticKernel([], machine).layout['PG_lru'] ?? 0);
    t.same(dangers(keeping(onLru)), [], 'it is on an LRU list');
    t.same(dangers(keeping(0)), ['unreturned: 1 references, 0 of them by page tables']);
    t.same(dangers(keeping(0, 0)), [], 'it is free');
    t.same(dangers(keeping(0, 1, 0)), [], 'it is not of a program');
  });

  t.test('a later snapshot that can preserve nothing, because an earlier one has kept all', async (t) => {
    const made = syntheticKernel([620], machine);
    const { layout, places, kernel } = made;
    const bits = physical(kernel, made.get(places.symbol('preserved')));
    kernel.memory.bytes.fill(0, bits, bits + PAGE_BYTES / 8);
    made.set(made.descriptor(frames.anonymous) + (layout['page.flags'] ?? 0), 0);
    t.same(preservedPages(kernel).includes(1), false);
    t.same(dangers(made), ['unreturned: 1 references, 0 of them by page tables']);
  });

  t.test('a page is reported, too, where the guest is too damaged to say whose it is', async (t) => {
    const made = preserving({ writable: true });
    const { kernel, places, layout } = made;
    const zone = places.symbol('contig_page_data') + (layout['pglist_data.node_zones'] ?? 0);
    // A free list that leads to something that is no page descriptor.
    const list = zone + (layout['zone.free_area'] ?? 0);
    made.set(list, (layout['vmemmap'] ?? 0) + 8);
    t.match(endangeredPages(kernel, preservedPages(kernel)), [
      { pfn: frames.anonymous, danger: 'writable', owner: /^unknown \(the free list of order 0/ },
    ]);
  });

  t.test('a large page is held as a whole', async (t) => {
    const FIRST = 3072;
    const pages = machine.levels === 2 ? 1024 : 512;
    /** Preserves the pages of a large one; an entry of the directory maps it. */
    const large = (references: number): SyntheticKernel => {
      const made = syntheticKernel(
        Array.from({ length: pages }, (_, i) => FIRST + i),
        machine,
      );
      made.mapLarge(0x10000000, FIRST);
      for (let i = 1; i < pages; i++) {
        const head = made.descriptor(FIRST + i) + (made.layout['page.compound_head'] ?? 0);
        made.set(head, made.address(made.descriptor(FIRST)));
        made.tag(head, 1);
      }
      made.set(made.descriptor(FIRST) + (made.layout['page._refcount'] ?? 0), references);
      return made;
    };
    t.same(dangers(large(2)), [], 'one entry counts once, and the image holds it');
    t.same(dangers(large(1)), ['unheld: 1 references, 1 of them by page tables']);
    t.same(dangers(large(3)), ['shared: 3 references, 1 of them by page tables']);
  });
}
