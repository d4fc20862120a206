// SPDX-License-Identifier: MIT
import t from 'tap';
import { PAGE_BYTES } from '../../../emulator/machine/units.js';
import { endangeredPages } from '../../../emulator/verify/memory/preserved.js';
import { preservedPages } from '../../../emulator/memory/bitmaps.js';
import { physical, variable } from '../../../emulator/memory/kernel.js';
import { LAYOUT, syntheticKernel, type SyntheticKernel } from '../memory/synthetic-kernel.js';

const { frames } = syntheticKernel().places;
const USER_SLOT = (0x08048000 >>> 12) & 1023;
const READ_ONLY = 0x65;

/** A kernel that preserves the page of its process, as it should unless told otherwise. */
function preserving({ writable = false, references = 2, mapped = 1, swapCache = false } = {}): SyntheticKernel {
  const made = syntheticKernel([frames.anonymous]);
  const { memory } = made.kernel;
  const set = (at: number, value: number): void => memory.data.setUint32(at, value, true);
  if (!writable) set(frames.userTable * PAGE_BYTES + 4 * USER_SLOT, frames.anonymous * PAGE_BYTES + READ_ONLY);
  const descriptor =
    physical(made.kernel, variable(made.kernel, 'mem_map')) + frames.anonymous * (LAYOUT['sizeof(page)'] ?? 0);
  set(descriptor + (LAYOUT['page._refcount'] ?? 0), references);
  set(descriptor + (LAYOUT['page.page_type'] ?? 0), mapped - 1);
  set(descriptor, 2 ** (LAYOUT['PG_swapbacked'] ?? 0) + (swapCache ? 2 ** (LAYOUT['PG_swapcache'] ?? 0) : 0));
  return made;
}
const dangers = ({ kernel }: SyntheticKernel): readonly string[] =>
  endangeredPages(kernel, preservedPages(kernel)).map(({ danger, because }) => `${danger}: ${because}`);

t.test('what is held and write-protected is safe', async (t) => {
  t.same(dangers(syntheticKernel()), [], 'nothing preserved');
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
    const made = syntheticKernel([620]);
    const descriptor =
      physical(made.kernel, variable(made.kernel, 'mem_map')) + frames.anonymous * (LAYOUT['sizeof(page)'] ?? 0);
    const set = (field: string, value: number): void =>
      made.kernel.memory.data.setUint32(descriptor + (LAYOUT[field] ?? 0), value, true);
    set('page.flags', flags);
    set('page._refcount', references);
    if (mapping !== undefined) set('page.mapping', mapping);
    return made;
  };
  const onLru = 2 ** (LAYOUT['PG_lru'] ?? 0);
  t.same(dangers(keeping(onLru)), [], 'it is on an LRU list');
  t.same(dangers(keeping(0)), ['unreturned: 1 references, 0 of them by page tables']);
  t.same(dangers(keeping(0, 0)), [], 'it is free');
  t.same(dangers(keeping(0, 1, 0)), [], 'it is not of a program');
});

t.test('a later snapshot that can preserve nothing, because an earlier one has kept all', async (t) => {
  const made = syntheticKernel([620]);
  const bits = physical(made.kernel, variable(made.kernel, 'preserved'));
  made.kernel.memory.bytes.fill(0, bits, bits + PAGE_BYTES / 8);
  const descriptor =
    physical(made.kernel, variable(made.kernel, 'mem_map')) + frames.anonymous * (LAYOUT['sizeof(page)'] ?? 0);
  made.kernel.memory.data.setUint32(descriptor + (LAYOUT['page.flags'] ?? 0), 0, true);
  t.same(preservedPages(made.kernel).includes(1), false);
  t.same(dangers(made), ['unreturned: 1 references, 0 of them by page tables']);
});

t.test('a page is reported, too, where the guest is too damaged to say whose it is', async (t) => {
  const made = preserving({ writable: true });
  const { kernel, places } = made;
  const zone = places.symbol('contig_page_data') + (LAYOUT['pglist_data.node_zones'] ?? 0);
  // A free list that leads to something that is no page descriptor.
  const list = zone + (LAYOUT['zone.free_area'] ?? 0);
  kernel.memory.data.setUint32(list, variable(kernel, 'mem_map') + 1, true);
  t.match(endangeredPages(kernel, preservedPages(kernel)), [
    { pfn: frames.anonymous, danger: 'writable', owner: /^unknown \(the free list of order 0/ },
  ]);
});

t.test('a large page is held as a whole', async (t) => {
  const FIRST = 3072;
  /** Preserves the 1,024 pages of a large one; an entry of the directory maps it. */
  const large = (references: number): SyntheticKernel => {
    const made = syntheticKernel(Array.from({ length: 1024 }, (_, i) => FIRST + i));
    const { memory } = made.kernel;
    const set = (at: number, value: number): void => memory.data.setUint32(at, value, true);
    const mapped = 0x10000000;
    set(frames.userDirectory * PAGE_BYTES + 4 * (mapped >>> 22), FIRST * PAGE_BYTES + 0xe5);
    const array = physical(made.kernel, variable(made.kernel, 'mem_map'));
    const size = LAYOUT['sizeof(page)'] ?? 0;
    for (let i = 1; i < 1024; i++)
      set(
        array + (FIRST + i) * size + (LAYOUT['page.compound_head'] ?? 0),
        variable(made.kernel, 'mem_map') + FIRST * size + 1,
      );
    set(array + FIRST * size + (LAYOUT['page._refcount'] ?? 0), references);
    return made;
  };
  t.same(dangers(large(2)), [], 'one entry counts once, and the image holds it');
  t.same(dangers(large(1)), ['unheld: 1 references, 1 of them by page tables']);
  t.same(dangers(large(3)), ['shared: 3 references, 1 of them by page tables']);
});
