// SPDX-License-Identifier: MIT
/**
 * Checks pages that are preserved in place. Nobody may be able to write to such a page, and the image must hold it
 * until it has been read. A mistake does harm only if a program later writes to the page or frees it. This check finds
 * the mistake in any case.
 */
import { gpaOfPfn, pfn, type Pfn } from '../../machine/units.js';
import type { PageSet } from '../../memory/bitmaps.js';
import type { GuestKernel } from '../../memory/kernel.js';
import { ownerNamer } from '../../memory/owner.js';
import { pageReader, type PageState } from '../../memory/pages.js';
import { tasks, userMaps, type UserPage } from '../../memory/tasks.js';

export interface EndangeredPage {
  readonly pfn: Pfn;
  readonly owner: string;
  /** writable: a program can change it without a page fault. unheld: it goes with the last program that has it. */
  readonly danger: 'writable' | 'unheld';
  /** Who can write, or what holds it, for people. */
  readonly because: string;
}

/**
 * Those of the `preserved` pages that could change before they have been read. A capture made at copy:begin must have
 * none.
 */
export function endangeredPages(kernel: GuestKernel, preserved: PageSet): readonly EndangeredPage[] {
  if (!preserved.includes(1)) return [];
  const { byFrame } = userMaps(kernel, tasks(kernel));
  const pages = pageReader(kernel);
  const namer = ownerNamer(kernel);
  const found: EndangeredPage[] = [];
  for (const [index, is] of preserved.entries()) {
    if (is !== 1) continue;
    const frame = pfn(index);
    const owner = (): string => namer.name(gpaOfPfn(frame));
    const writers = (byFrame.get(frame) ?? []).filter(({ writable }) => writable);
    if (writers.length > 0)
      found.push({
        pfn: frame,
        owner: owner(),
        danger: 'writable',
        because: `${writers.map(writerName).join(', ')} can write to it`,
      });
    const state = pages.state(frame);
    // The pages of a large one are held by its first, and by whom that is mapped the page tables alone tell.
    if (state.head !== undefined && preserved[state.head] === 1) continue;
    const isLarge = preserved[index + 1] === 1 && pages.state(pfn(index + 1)).head === frame;
    const mapCount = isLarge ? (byFrame.get(frame)?.length ?? 0) : state.mapCount;
    if (!isHeld(state, mapCount))
      found.push({
        pfn: frame,
        owner: owner(),
        danger: 'unheld',
        because: `${state.references} references, ${mapCount} of them by page tables`,
      });
  }
  return found;
}

/** Page tables and the swap cache have one reference each for what they do; the image needs one of its own. */
const isHeld = ({ references, swapCache }: PageState, mapCount: number): boolean =>
  references > mapCount + (swapCache ? 1 : 0);

const writerName = ({ task }: UserPage): string => `${task.comm} (pid ${task.pid})`;
