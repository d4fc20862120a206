// SPDX-License-Identifier: MIT
/**
 * The bytes that may differ between RAM at copy:begin and RAM at restore:end: those that the copy loop itself
 * writes while it runs. The list is closed, and each entry is an address range. Where the value can be
 * predicted from the capture, it must be that value.
 *
 * A page enters the image as it is when the loop reaches it. So the image shows the loop's cursors
 * as they stood while it copied the very page that holds them.
 */
import { PAGE_BYTES, gpa, pfn, pfnOfGpa, type Gpa, type Pfn } from '../../machine/units.js';
import { BITS_PER_LEAF, CURSOR, type BitmapZone, type MemoryBitmap } from '../../memory/bitmaps.js';
import { physical, symbolGpa, variable, type GuestKernel } from '../../memory/kernel.js';
import { constant } from '../../memory/layout.js';
import { pageBytes } from '../../memory/view.js';
import { currentTask } from '../../memory/tasks.js';
import { accountForPages, type Accounting } from './account.js';
import { isZero } from './compare.js';

export const WRITTEN_REASONS = {
  originalCursor: "the copy loop's position in orig_bm",
  copyCursor: "the copy loop's position in copy_bm",
  zeroCursor: "the copy loop's position in zero_bm",
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
    ...cursorRanges('originalCursor', account.original, (frame) => cursorAtNext(account.original, frame)),
    ...cursorRanges('copyCursor', account.copy, (frame) =>
      cursorAtNext(account.copy, destinationOf(kernel, account, frame)),
    ),
    ...cursorRanges('zeroCursor', account.zero, (frame) => zeroCursor(kernel, account, frame)),
    ...watchdogTouches(kernel, account),
    ...splitAtPages('deadStack', ...deadStack(kernel)),
  ].filter((range) => account.inImage[Math.floor(range.start / PAGE_BYTES)] === 1);
}

/**
 * What the restored kernel itself has written by restore:end: it has returned from swsusp_arch_suspend() and sent its
 * marker.
 */
export function writtenByRestore(kernel: GuestKernel): WrittenRange[] {
  const [, end] = deadStack(kernel);
  return splitAtPages('returnAddress', end, end + RETURN_ADDRESS_BYTES);
}

/**
 * A cursor can cross a page boundary. The two pages are copied one after the other, so each part has the value of its
 * own moment.
 */
function cursorRanges(reason: WrittenReason, bitmap: MemoryBitmap, at: (frame: Pfn) => Uint8Array): WrittenRange[] {
  return splitAtPages(reason, bitmap.cursor, bitmap.cursor + CURSOR.sizeof).map((range) => {
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
 * Upper bound of the stack that the copy loop and its callees use (92 bytes in the release kernel). More means that
 * something else ran.
 */
const DEAD_STACK_BYTES_MAX = 512;
const RETURN_ADDRESS_BYTES = 4;
/** SOFTLOCKUP_DELAY_REPORT. */
const DELAY_REPORT = 0xffffffff;

/**
 * The stack below the stack pointer with which swsusp_arch_suspend() was entered. The restored kernel returns to that
 * frame. Callees that never return there have used the stack below it.
 */
function deadStack(kernel: GuestKernel): [number, number] {
  const end = physical(kernel, variable(kernel, 'saved_context_esp'));
  return [Math.max(end - DEAD_STACK_BYTES_MAX, physical(kernel, currentTask(kernel).stack)), end];
}

const isCopied = ({ inImage, preserved }: Accounting, frame: number): boolean =>
  inImage[frame] === 1 && preserved[frame] !== 1;

/** The frame into which the loop copies `frame`: zero pages and preserved ones take none. */
function destinationOf(kernel: GuestKernel, account: Accounting, frame: Pfn): number {
  let taken = 0;
  for (let source = 0; source < frame; source++) {
    if (isCopied(account, source) && !isZero(pageBytes(kernel.memory, pfn(source)))) taken++;
  }
  let index = account.copy.pages.indexOf(1);
  for (; taken > 0 && index >= 0; taken--) index = account.copy.pages.indexOf(1, index + 1);
  return index;
}

/** memory_bm_next_pfn() has just answered `frame`. */
function cursorAtNext(bitmap: MemoryBitmap, frame: number): Uint8Array {
  const position = positionOf(bitmap, frame);
  return position === undefined
    ? new Uint8Array(CURSOR.sizeof)
    : encode({ ...position, curPfn: frame, nodeBit: position.bit + 1 });
}

/** memory_bm_set_bit() was last called for the last zero page before `frame`; it leaves the bit position alone. */
function zeroCursor(kernel: GuestKernel, account: Accounting, frame: Pfn): Uint8Array {
  const { zero } = account;
  const before = kernel.memory.bytes.slice(zero.cursor, zero.cursor + CURSOR.sizeof);
  let last = frame - 1;
  while (last >= 0 && !(isCopied(account, last) && isZero(pageBytes(kernel.memory, pfn(last))))) last--;
  const position = last < 0 ? undefined : positionOf(zero, last);
  if (position === undefined) return before;
  const nodeBit = new DataView(before.buffer).getUint32(CURSOR.nodeBit, true);
  return encode({ ...position, curPfn: last, nodeBit });
}

/**
 * rtree_next_node() calls touch_softlockup_watchdog(), which puts off the next report and, with interrupts off and the
 * clock standing still, notes the jiffies of the copy. Kernels without these watchdogs have none of the variables.
 */
function watchdogTouches(kernel: GuestKernel, account: Accounting): WrittenRange[] {
  const has = (name: string): boolean => kernel.symbols.byName.has(name);
  const touched = (name: string, value: number): WrittenRange[] => {
    const start = has(name) ? symbolGpa(kernel, name) : undefined;
    if (start === undefined || !steppedBefore(kernel, account, pfnOfGpa(start))) return [];
    const expected = new Uint8Array(4);
    new DataView(expected.buffer).setUint32(0, value, true);
    return [{ reason: 'watchdogTouch', start, lengthBytes: 4, expected }];
  };
  const ranges = touched('watchdog_report_ts', DELAY_REPORT);
  if (!has('wq_watchdog_touched_cpu')) return ranges;
  const now = variable(kernel, 'jiffies');
  const quarter = Math.floor((variable(kernel, 'wq_watchdog_thresh') * constant(kernel.layout, 'HZ')) / 4);
  const isDue = ((variable(kernel, 'wq_watchdog_touched') + quarter - now) | 0) < 0;
  return [...ranges, ...touched('wq_watchdog_touched_cpu', now), ...(isDue ? touched('wq_watchdog_touched', now) : [])];
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

function encode(cursor: {
  zone: BitmapZone;
  leaf: number;
  nodePfn: number;
  curPfn: number;
  nodeBit: number;
}): Uint8Array {
  const bytes = new Uint8Array(CURSOR.sizeof);
  const view = new DataView(bytes.buffer);
  view.setUint32(CURSOR.zone, cursor.zone.address, true);
  view.setUint32(CURSOR.node, cursor.leaf, true);
  view.setUint32(CURSOR.nodePfn, cursor.nodePfn, true);
  view.setUint32(CURSOR.curPfn, cursor.curPfn, true);
  view.setUint32(CURSOR.nodeBit, cursor.nodeBit, true);
  return bytes;
}
