// SPDX-License-Identifier: MIT
/**
 * The bytes that may differ between RAM at copy:begin and RAM at restore:end: those that the copy loop itself
 * writes while it runs. The list is closed, and each entry is an address range. Where the value can be
 * predicted from the capture, it must be that value.
 *
 * A page enters the image as it is when the loop reaches it. So the image shows the loop's cursors
 * as they stood while it copied the very page that holds them.
 */
import { PAGE_BYTES, gpa, gpaOfPfn, pfn, pfnOfGpa, type Gpa, type Pfn } from '../../machine/units.js';
import { BITS_PER_LEAF, cursorLayout, type BitmapZone, type MemoryBitmap } from '../../memory/bitmaps.js';
import {
  direct,
  perCpuGpa,
  physical,
  readWord,
  symbolGpa,
  wordVariable,
  type Addressing,
  type GuestKernel,
} from '../../memory/kernel.js';
import { constant } from '../../memory/layout.js';
import { ACCESSED, DIRTY, entryFor } from '../../memory/pagetable.js';
import { addressOf } from '../../memory/symbols.js';
import { pageBytes, setWord, va, type Va, offsetOf } from '../../memory/view.js';
import { currentTask } from '../../memory/tasks.js';
import { accountForPages, type Accounting } from './account.js';
import { isZero } from './compare.js';

export const WRITTEN_REASONS = {
  originalCursor: "the copy loop's position in orig_bm",
  copyCursor: "the copy loop's position in copy_bm",
  zeroCursor: "the copy loop's position in zero_bm",
  dirtyEntry: "the kernel's page table entry for a copy, in which the processor notes that the loop has written there",
  watchdogTouch: 'touched by the loop when it steps to the next leaf of a bitmap, for the watchdogs of a debug kernel',
  deadStack: 'kernel stack of the task that makes the copy, below the frame to which the restored kernel returns',
  returnAddress:
    'the return address of swsusp_arch_suspend(), taken off the stack by the restored kernel, whose marker then saves its flags there',
} as const;
export type WrittenReason = keyof typeof WRITTEN_REASONS;

export interface WrittenRange {
  readonly reason: WrittenReason;
  readonly start: Gpa;
  readonly lengthBytes: number;
  /** What the restored RAM must hold there; undefined where the content is dead. */
  readonly expected: Uint8Array | undefined;
}

/** Everything about the pages of one capture that a comparison needs. */
export interface CopyAccount {
  readonly account: Accounting;
  readonly written: readonly WrittenRange[];
}

/** Reads all of it from a capture made at copy:begin. Throws RigError for a capture made elsewhere. */
export function accountForCopy(kernel: GuestKernel): CopyAccount {
  const account = accountForPages(kernel);
  return { account, written: writtenByCopy(kernel, account) };
}

/** The ranges that the copy loop writes, from a capture at copy:begin. None crosses a page boundary. */
export function writtenByCopy(kernel: GuestKernel, account: Accounting): WrittenRange[] {
  return [
    ...cursorRanges(kernel, 'originalCursor', account.original, (frame) =>
      cursorAtNext(kernel, account.original, frame),
    ),
    ...cursorRanges(kernel, 'copyCursor', account.copy, (frame) =>
      cursorAtNext(kernel, account.copy, destinationOf(kernel, account, frame)),
    ),
    ...cursorRanges(kernel, 'zeroCursor', account.zero, (frame) => zeroCursor(kernel, account, frame)),
    ...dirtyEntries(kernel, account),
    ...watchdogTouches(kernel, account),
    ...deadStack(kernel),
  ].filter((range) => account.inImage[Math.floor(range.start / PAGE_BYTES)] === 1);
}

/**
 * What the restored kernel itself has written by restore:end: it has returned from swsusp_arch_suspend() and sent its
 * marker.
 */
export function writtenByRestore(kernel: GuestKernel): WrittenRange[] {
  const start = stackPointer(kernel);
  return stackRanges(kernel, 'returnAddress', start, kernel.addressing.wordBytes);
}

/**
 * A cursor can cross a page boundary. The two pages are copied one after the other, so each part has the value of its
 * own moment.
 */
function cursorRanges(
  { addressing }: GuestKernel,
  reason: WrittenReason,
  bitmap: MemoryBitmap,
  at: (frame: Pfn) => Uint8Array,
): WrittenRange[] {
  return splitAtPages(reason, bitmap.cursor, bitmap.cursor + cursorLayout(addressing).sizeof).map((range) => {
    const from = range.start - bitmap.cursor;
    const expected = at(pfn(Math.floor(range.start / PAGE_BYTES))).slice(from, from + range.lengthBytes);
    return { ...range, expected };
  });
}

function splitAtPages(reason: WrittenReason, start: number, end: number): WrittenRange[] {
  const ranges: WrittenRange[] = [];
  for (let from = start; from < end;) {
    const to = Math.min(end, (Math.floor(from / PAGE_BYTES) + 1) * PAGE_BYTES);
    ranges.push({ reason, start: gpa(from), lengthBytes: to - from, expected: undefined });
    from = to;
  }
  return ranges;
}

/**
 * Upper bound of the stack that the copy loop and its callees use (92 bytes in the release kernel of i386, 176 in that of
 * x86-64, 568 in its debug kernel, where each access to memory is checked). More means that something else ran.
 */
const DEAD_STACK_BYTES_MAX = 768;

/** Offset of the stack pointer in struct pt_regs of x86-64, with which its struct saved_context begins. */
const STACK_POINTER_IN_REGISTERS = 19 * 8;

/** The stack pointer with which swsusp_arch_suspend() was entered. The restored kernel returns to that frame. */
function stackPointer(kernel: GuestKernel): Va {
  if (kernel.addressing.wordBytes === 4) return va(wordVariable(kernel, 'saved_context_esp'));
  const context = addressOf(kernel.symbols, 'saved_context');
  return va(readWord(kernel, physical(kernel, context, STACK_POINTER_IN_REGISTERS)));
}

/** The stack below that frame: callees that never return there have used it. */
function deadStack(kernel: GuestKernel): WrittenRange[] {
  const end = stackPointer(kernel);
  const start = va(Math.max(end - DEAD_STACK_BYTES_MAX, currentTask(kernel).stack));
  return stackRanges(kernel, 'deadStack', start, end - start);
}

/** Neighbouring pages of a stack in vmalloc's range lie anywhere in RAM. */
function stackRanges(kernel: GuestKernel, reason: WrittenReason, start: Va, lengthBytes: number): WrittenRange[] {
  const ranges: WrittenRange[] = [];
  for (let offset = 0; offset < lengthBytes;) {
    const at = physical(kernel, start, offset);
    const here = Math.min(lengthBytes - offset, PAGE_BYTES - (at % PAGE_BYTES));
    ranges.push({ reason, start: at, lengthBytes: here, expected: undefined });
    offset += here;
  }
  return ranges;
}

const isCopied = ({ inImage, preserved }: Accounting, frame: number): boolean =>
  inImage[frame] === 1 && preserved[frame] !== 1;

/** How many copies the loop has made when it gets to `frame`. */
function copiesBefore(kernel: GuestKernel, account: Accounting, frame: Pfn): number {
  let made = 0;
  for (let source = 0; source < frame; source++) {
    if (isCopied(account, source) && !isZero(pageBytes(kernel.memory, pfn(source)))) made++;
  }
  return made;
}

/**
 * The kernel maps memory that was read-only once, such as what it needs for booting alone, without the dirty bit of all
 * other memory. So the first copy to a page of it changes the page's entry. The image shows this in a table that was
 * copied afterwards, or at that moment: a page is copied from its beginning, and the first write precedes the second read.
 */
function dirtyEntries(kernel: GuestKernel, account: Accounting): WrittenRange[] {
  const { memory, addressing } = kernel;
  const directory = physical(kernel, addressing.directory);
  /** The number of the first copy, by the entry that it changes. */
  const firstCopies = new Map<Gpa, number>();
  let copies = 0;
  for (let frame = 0; frame < account.copy.pages.length; frame++) {
    if (account.copy.pages[frame] !== 1) continue;
    const place = gpaOfPfn(pfn(frame));
    const entry = entryFor(memory, addressing.paging, directory, direct(kernel, place));
    if (entry?.target === place && (entry.low & DIRTY) === 0 && !firstCopies.has(entry.at))
      firstCopies.set(entry.at, copies);
    copies++;
  }
  return [...firstCopies].flatMap(([start, first]) => {
    const made = copiesBefore(kernel, account, pfnOfGpa(start));
    if (first > made || (first === made && start % PAGE_BYTES === 0)) return [];
    const lengthBytes = addressing.paging.entryBytes;
    const at = offsetOf(memory, start, lengthBytes);
    const expected = memory.bytes.slice(at, at + lengthBytes);
    expected[0] = (expected[0] ?? 0) | ACCESSED | DIRTY;
    return [{ reason: 'dirtyEntry' as const, start, lengthBytes, expected }];
  });
}

/** The frame into which the loop copies `frame`: zero pages and preserved ones take none. */
function destinationOf(kernel: GuestKernel, account: Accounting, frame: Pfn): number {
  let taken = copiesBefore(kernel, account, frame);
  let index = account.copy.pages.indexOf(1);
  for (; taken > 0 && index >= 0; taken--) index = account.copy.pages.indexOf(1, index + 1);
  return index;
}

/** memory_bm_next_pfn() has just answered `frame`. */
function cursorAtNext({ addressing }: GuestKernel, bitmap: MemoryBitmap, frame: number): Uint8Array {
  const position = positionOf(bitmap, frame);
  return position === undefined
    ? new Uint8Array(cursorLayout(addressing).sizeof)
    : encode(addressing, { ...position, curPfn: frame, nodeBit: position.bit + 1 });
}

/** memory_bm_set_bit() was last called for the last zero page before `frame`; it leaves the bit position alone. */
function zeroCursor(kernel: GuestKernel, account: Accounting, frame: Pfn): Uint8Array {
  const { zero } = account;
  const cursor = cursorLayout(kernel.addressing);
  const cursorAt = offsetOf(kernel.memory, zero.cursor, cursor.sizeof);
  const before = kernel.memory.bytes.slice(cursorAt, cursorAt + cursor.sizeof);
  let last = frame - 1;
  while (last >= 0 && !(isCopied(account, last) && isZero(pageBytes(kernel.memory, pfn(last))))) last--;
  const position = last < 0 ? undefined : positionOf(zero, last);
  if (position === undefined) return before;
  const nodeBit = new DataView(before.buffer).getUint32(cursor.nodeBit, true);
  return encode(kernel.addressing, { ...position, curPfn: last, nodeBit });
}

/**
 * rtree_next_node() calls touch_softlockup_watchdog(), which puts off the next report and, with interrupts off and the
 * clock standing still, notes the jiffies of the copy. Kernels without these watchdogs have none of the variables.
 */
function watchdogTouches(kernel: GuestKernel, account: Accounting): WrittenRange[] {
  const has = (name: string): boolean => kernel.symbols.byName.has(name);
  const { wordBytes } = kernel.addressing;
  /** Of the processor that makes the copy, where each has one of its own. */
  const own = (name: string): Gpa => perCpuGpa(kernel, addressOf(kernel.symbols, name), 0);
  const touched = (start: Gpa, value: number): WrittenRange[] => {
    if (!steppedBefore(kernel, account, pfnOfGpa(start))) return [];
    const expected = new Uint8Array(wordBytes);
    setWord(new DataView(expected.buffer), 0, value, wordBytes);
    return [{ reason: 'watchdogTouch', start, lengthBytes: wordBytes, expected }];
  };
  // SOFTLOCKUP_DELAY_REPORT is a long of which all bits are set.
  const ranges = has('watchdog_report_ts') ? touched(own('watchdog_report_ts'), -1) : [];
  if (!has('wq_watchdog_touched_cpu')) return ranges;
  const now = wordVariable(kernel, 'jiffies');
  const quarter = Math.floor((wordVariable(kernel, 'wq_watchdog_thresh') * constant(kernel.layout, 'HZ')) / 4);
  const until = wordVariable(kernel, 'wq_watchdog_touched') + quarter - now;
  const isDue = (wordBytes === 4 ? until | 0 : until) < 0;
  return [
    ...ranges,
    ...touched(own('wq_watchdog_touched_cpu'), now),
    ...(isDue ? touched(symbolGpa(kernel, 'wq_watchdog_touched'), now) : []),
  ];
}

/** Has the loop stepped to a further leaf, of the originals or of the copies, when it copies `frame`? */
function steppedBefore(kernel: GuestKernel, account: Accounting, frame: Pfn): boolean {
  const leafOf = (bitmap: MemoryBitmap, of: number): number => positionOf(bitmap, of)?.nodePfn ?? 0;
  const { original, copy } = account;
  // The first copy was looked up before copy:begin, the first original after it.
  return (
    leafOf(original, frame) > 0 ||
    leafOf(copy, destinationOf(kernel, account, frame)) > leafOf(copy, copy.pages.indexOf(1))
  );
}

interface Position {
  readonly zone: BitmapZone;
  readonly leaf: number;
  readonly nodePfn: number;
  readonly bit: number;
}

function positionOf(bitmap: MemoryBitmap, frame: number): Position | undefined {
  const zone = bitmap.zones.find((each) => frame >= each.startPfn && frame < each.endPfn);
  if (zone === undefined) return undefined;
  const within = frame - zone.startPfn;
  const block = Math.floor(within / BITS_PER_LEAF);
  return { zone, leaf: zone.leaves[block] ?? 0, nodePfn: block * BITS_PER_LEAF, bit: within % BITS_PER_LEAF };
}

function encode(
  addressing: Addressing,
  cursor: { zone: BitmapZone; leaf: number; nodePfn: number; curPfn: number; nodeBit: number },
): Uint8Array {
  const layout = cursorLayout(addressing);
  const bytes = new Uint8Array(layout.sizeof);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number): void => setWord(view, at, value, addressing.wordBytes);
  put(layout.zone, cursor.zone.address);
  put(layout.node, cursor.leaf);
  put(layout.nodePfn, cursor.nodePfn);
  put(layout.curPfn, cursor.curPfn);
  view.setUint32(layout.nodeBit, cursor.nodeBit, true);
  return bytes;
}
