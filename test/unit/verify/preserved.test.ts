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
    ['unheld: 2 references, 1 of them by page tables'],
    'the swap cache holds it for swap',
  );
});
