// SPDX-License-Identifier: MIT
/**
 * Checks pages that are preserved in place. Nobody may be able to write to such a page, and the image must hold it
 * until it has been read. A mistake does harm only if a program later writes to the page or frees it. This check finds
 * the mistake in any case.
 */
import { gpaOfPfn, pfn, type Pfn } from '../../machine/units.js';
import { isolatedPages, type PageSet } from '../../memory/bitmaps.js';
import type { GuestKernel } from '../../memory/kernel.js';
import { nameSafely, ownerNamer } from '../../memory/owner.js';
import { pageReader, type PageReader } from '../../memory/pages.js';
import { tasks, userMaps, type UserMaps, type UserPage } from '../../memory/tasks.js';

export interface EndangeredPage {
  readonly pfn: Pfn;
  readonly owner: string;
  /**
   * writable: a program can change it without a page fault. exclusive: it becomes writable by the page fault of a
   * program that writes to it, as if it belonged to that program alone. unheld: it is freed with the last program that maps it.
   * shared: it has another holder, which can change it without a page fault. unreturned: an earlier snapshot has not
   * given it back, so it can be neither reclaimed nor preserved again.
   */
  readonly danger: 'writable' | 'exclusive' | 'unheld' | 'shared' | 'unreturned';
  /** Who can write, or what holds it, for people. */
  readonly because: string;
}

/**
 * Those of the `preserved` pages that could change before they have been read, and the pages that an earlier snapshot
 * has not given back. A capture made at copy:begin must have none. Without a snapshot there is nothing to check.
 * @throws GuestError when the guest's structures are damaged.
 */
export function endangeredPages(kernel: GuestKernel, preserved: PageSet): readonly EndangeredPage[] {
  const isolated = isolatedPages(kernel);
  if (!preserved.includes(1) && isolated === undefined) return [];
  const { byFrame } = userMaps(kernel, tasks(kernel));
  const pages = pageReader(kernel);
  const namer = ownerNamer(kernel);
  const found: EndangeredPage[] = [];
  const note = (frame: Pfn, danger: EndangeredPage['danger'], because: string): void => {
    found.push({ pfn: frame, owner: nameSafely(namer, gpaOfPfn(frame)), danger, because });
  };
  for (const [index, is] of preserved.entries()) {
    if (is !== 1) continue;
    const frame = pfn(index);
    const writers = (byFrame.get(frame) ?? []).filter(({ writable }) => writable);
    if (writers.length > 0) note(frame, 'writable', `${writers.map(writerName).join(', ')} can write to it`);
    const { head, exclusive } = pages.state(frame);
    if (exclusive) note(frame, 'exclusive', 'a page fault makes it writable');
    // The first page of a large page counts the references to all of it.
    if (head !== undefined && preserved[head] === 1) continue;
    const holders = holdersOf(frame, preserved, pages, byFrame);
    // The image has exactly one reference of its own.
    const others = holders.references - holders.pageTables - holders.swapCache;
    if (others !== 1) note(frame, others < 1 ? 'unheld' : 'shared', holdersLine(holders));
  }
  for (const frame of isolated === undefined ? [] : unreturned(isolated, pages)) {
    const { references, mapCount } = pages.state(frame);
    note(frame, 'unreturned', `${references} references, ${mapCount} of them by page tables`);
  }
  return found;
}

/** The number of references to a page, or to a large page as a whole, and the numbers held by known holders. */
interface Holders {
  readonly references: number;
  readonly pageTables: number;
  readonly swapCache: number;
}

function holdersOf(first: Pfn, preserved: PageSet, pages: PageReader, byFrame: UserMaps['byFrame']): Holders {
  const { references, mapCount, swapCache } = pages.state(first);
  let count = 1;
  while (preserved[first + count] === 1 && pages.state(pfn(first + count)).head === first) count++;
  return {
    references,
    // For a large page, the map count of its first page covers that page alone, so the entries of the page tables are
    // counted.
    pageTables: count === 1 ? mapCount : entriesOf(first, count, byFrame),
    swapCache: swapCache ? count : 0,
  };
}

/** The number of entries of page tables and directories that map a large page or parts of it. */
function entriesOf(first: Pfn, count: number, byFrame: UserMaps['byFrame']): number {
  const entries = new Set<string>();
  for (let index = 0; index < count; index++) {
    for (const { task, address, large } of byFrame.get(pfn(first + index)) ?? []) {
      // Processes that share their page tables (vfork) share one entry.
      if (!large || index === 0) entries.add(`${task.directory ?? 0} ${address}`);
    }
  }
  return entries.size;
}

const holdersLine = ({ references, pageTables, swapCache }: Holders): string =>
  [
    `${references} references`,
    `${pageTables} of them by page tables`,
    ...(swapCache > 0 ? [`${swapCache} by the swap cache`] : []),
  ].join(', ');

/**
 * Anonymous pages in use that are on no LRU list, though the present snapshot has not isolated them. A page may also
 * wait in a per-CPU batch to be added to a list, but the kernel drains these batches when it begins to preserve pages.
 */
function unreturned(isolated: PageSet, pages: PageReader): readonly Pfn[] {
  const found: Pfn[] = [];
  for (const [index, is] of isolated.entries()) {
    if (is === 1) continue;
    const { anonymous, onLru, references, mapCount } = pages.state(pfn(index));
    // The count is negative for a page that has a type instead, such as a hugetlb page, which is on no LRU list.
    if (anonymous && !onLru && references > 0 && mapCount >= 0) found.push(pfn(index));
  }
  return found;
}

const writerName = ({ task }: UserPage): string => `${task.comm} (pid ${task.pid})`;
