// SPDX-License-Identifier: MIT
/**
 * Accounts for every frame at the atomic copy: it is in the image, or it has one of the named reasons not to be.
 *
 * The reasons are found without swsusp's verdict: free pages from the allocator's own lists, firmware's pages
 * from the e820 map, the hibernation core's pages from the structures that hold them. What swsusp chose
 * (`orig_bm`) is then compared with that.
 */
import { RigError } from '../../machine/errors.js';
import { gpaOfPfn, pfn, type Pfn } from '../../machine/units.js';
import {
  nosaveRegions,
  nosaveSection,
  preservedPages,
  readBitmap,
  rollbackPages,
  type MemoryBitmap,
  type PageSet,
  type StaticBitmap,
} from '../../memory/bitmaps.js';
import { direct, physical, type GuestKernel } from '../../memory/kernel.js';
import { translate } from '../../memory/pagetable.js';
import { pageReader } from '../../memory/pages.js';
import { buddyFree, firmwareMap, isUsableRam, zones } from '../../memory/zones.js';

/** Why a frame is not in the image. Each is decided by address or by a structure of the kernel; there is no 'other'. */
export const OMISSIONS = {
  free: 'on a free list of the page allocator',
  nosaveRegion: 'in a region that the kernel registered as never to be saved',
  nosaveSection: 'in the section .data..nosave of the kernel image',
  imageCopy: 'allocated by the hibernation core to hold a copy (copy_bm)',
  imageBitmap: "holds orig_bm, copy_bm or zero_bm, the hibernation core's bitmaps for this image",
  rollback: 'held by the hibernation core for going back to the image (rollback_pages)',
  firmware: 'not RAM for the kernel, according to the e820 map',
  unmapped: 'reserved and not mapped in the kernel',
  offline: 'taken offline',
  guard: 'a guard page of the debugging allocator',
} as const;
export type Omission = keyof typeof OMISSIONS;
export const OMISSION_NAMES = Object.keys(OMISSIONS) as readonly Omission[];

export interface Accounting {
  /** The bitmaps as they are at the copy. */
  readonly original: MemoryBitmap;
  readonly copy: MemoryBitmap;
  readonly zero: MemoryBitmap;
  /** Frames in the image, as swsusp chose them; those that are preserved included. */
  readonly inImage: PageSet;
  /** Frames of the image that the copy loop skips, because they are preserved in place until they have been read. */
  readonly preserved: PageSet;
  readonly omitted: Readonly<Record<Omission, number>>;
  /** By frame: 0 in the image or without a reason, else 1 + the place of its reason among {@link OMISSION_NAMES}. */
  readonly reasons: Uint8Array;
  /** Frames that are not in the image and for which no reason was found: lost memory. */
  readonly lost: readonly Pfn[];
  /** Frames in the image although a reason to leave them out applies. */
  readonly superfluous: readonly { readonly frame: Pfn; readonly reason: Omission }[];
}

function bitmap(kernel: GuestKernel, name: StaticBitmap): MemoryBitmap {
  const found = readBitmap(kernel, name);
  if (found === undefined) {
    throw new RigError(`the hibernation core's bitmap ${name} does not exist in this capture`, {
      remedy: 'capture RAM at the marker copy:begin',
    });
  }
  return found;
}

/** Reads the account from a capture made at copy:begin. Throws RigError for a capture made elsewhere. */
export function accountForPages(kernel: GuestKernel): Accounting {
  const original = bitmap(kernel, 'orig_bm');
  const copy = bitmap(kernel, 'copy_bm');
  const zero = bitmap(kernel, 'zero_bm');
  if (original.count === 0) {
    throw new RigError('orig_bm is empty: the capture was made before the pages to copy were chosen', {
      remedy: 'capture RAM at the marker copy:begin',
    });
  }
  // The two basic bitmaps are made before there is a bitmap in which their pages could be marked: they are saved.
  const reasonOf = omissions(kernel, copy, [original, copy, zero]);

  // The kernel lists them among the originals only when the image is read.
  const preserved = preservedPages(kernel);
  const inImage = original.pages.map((bit, index) => bit | (preserved[index] ?? 0));
  const omitted = Object.fromEntries(OMISSION_NAMES.map((reason) => [reason, 0])) as Record<Omission, number>;
  const reasons = new Uint8Array(kernel.memory.pageCount);
  const lost: Pfn[] = [];
  const superfluous: { frame: Pfn; reason: Omission }[] = [];
  for (let index = 0; index < kernel.memory.pageCount; index++) {
    const frame = pfn(index);
    const reason = reasonOf(frame);
    if (inImage[index] === 1) {
      if (reason !== undefined) superfluous.push({ frame, reason });
    } else if (reason === undefined) lost.push(frame);
    else {
      omitted[reason]++;
      reasons[index] = 1 + OMISSION_NAMES.indexOf(reason);
    }
  }
  return { original, copy, zero, inImage, preserved, omitted, reasons, lost, superfluous };
}

/** Why a frame is not in the image, for people. Undefined where it is. */
export function notInImage(
  { inImage, reasons }: Pick<Accounting, 'inImage' | 'reasons'>,
  frame: Pfn,
): string | undefined {
  if (inImage[frame] === 1) return undefined;
  const reason = OMISSION_NAMES[(reasons[frame] ?? 0) - 1];
  return reason === undefined ? 'no reason was found' : OMISSIONS[reason];
}

function omissions(
  kernel: GuestKernel,
  copy: MemoryBitmap,
  bitmaps: readonly MemoryBitmap[],
): (frame: Pfn) => Omission | undefined {
  const pages = pageReader(kernel);
  const free = buddyFree(kernel, pages.array);
  const regions = nosaveRegions(kernel);
  const section = nosaveSection(kernel);
  const storage = new Set(bitmaps.flatMap((each) => each.storage));
  const rollback = new Set(rollbackPages(kernel));
  const spans = zones(kernel);
  const firmware = firmwareMap(kernel);
  const { paging, directory } = kernel.addressing;
  const kernelDirectory = physical(kernel, directory);

  return (frame) => {
    if (free[frame] === 1) return 'free';
    if (copy.pages[frame] === 1) return 'imageCopy';
    if (storage.has(frame)) return 'imageBitmap';
    if (rollback.has(frame)) return 'rollback';
    if (regions.some((region) => frame >= region.start && frame < region.end)) return 'nosaveRegion';
    if (frame >= section.start && frame < section.end) return 'nosaveSection';
    const isSpanned = spans.some((zone) => frame >= zone.startPfn && frame < zone.endPfn);
    if (!isSpanned || pages.array.at(frame) === undefined) {
      return isUsableRam(firmware, frame) ? undefined : 'firmware';
    }
    const state = pages.state(frame);
    if (state.type === 'offline' || state.type === 'guard') return state.type;
    const isMapped = (): boolean =>
      translate(kernel.memory, paging, kernelDirectory, direct(kernel, gpaOfPfn(frame))) !== undefined;
    if (state.reserved && !isMapped()) return 'unmapped';
    return undefined;
  };
}
