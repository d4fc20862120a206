// SPDX-License-Identifier: MIT
/** The image proof: the pages that the guest wrote to its disk are the pages that its RAM held at the atomic copy. */
import { equalBytes } from '../../machine/bytes.js';
import { GuestError } from '../../machine/errors.js';
import { PAGE_BYTES, gpa, gpaOfPfn, pfnOfGpa, type Pfn } from '../../machine/units.js';
import type { GuestKernel } from '../../memory/kernel.js';
import { nameSafely, ownerNamer } from '../../memory/owner.js';
import { pageBytes } from '../../memory/view.js';
import { unexplainedRuns } from '../memory/verify.js';
import { accountForCopy, type CopyAccount } from '../memory/written.js';
import type { Image } from './stream.js';

export interface ImageDifference {
  /**
   * content: the page in the image differs from RAM. missing: the copy chose the page, but the image lacks it. foreign:
   * the image has a page that the copy did not choose.
   */
  readonly kind: 'content' | 'missing' | 'foreign';
  readonly pfn: Pfn;
  readonly owner: string;
  readonly firstOffset: number;
  readonly bytes: number;
}

export interface ImageResult {
  /** Size of the stream: header, frame numbers and data. */
  readonly bytes: number;
  readonly pagesInImage: number;
  readonly zeroPages: number;
  readonly pagesCompared: number;
  readonly pagesDiffering: number;
  /** At most `differencesMax`. */
  readonly differences: readonly ImageDifference[];
}

const DIFFERENCES_MAX = 200;

/**
 * Compares an image with the capture made at copy:begin. Throws GuestError when the image has frames that the machine does
 * not have, or (from the image's reader) when the stream is damaged.
 */
export function verifyImage(
  image: Image,
  atCopy: GuestKernel,
  { account, written }: CopyAccount = accountForCopy(atCopy),
  differencesMax = DIFFERENCES_MAX,
): ImageResult {
  const namer = ownerNamer(atCopy);
  const found: { kind: ImageDifference['kind']; pfn: Pfn; firstOffset: number; bytes: number }[] = [];
  const missing = account.inImage.slice();
  const writtenFrames = new Set(written.map(({ start }) => pfnOfGpa(start)));

  for (const { frame, bytes } of image.contents()) {
    if (frame >= atCopy.memory.pageCount)
      throw new GuestError(`the image holds frame ${frame}, the machine has ${atCopy.memory.pageCount}`);
    if (missing[frame] !== 1) {
      found.push({ kind: 'foreign', pfn: frame, firstOffset: 0, bytes: PAGE_BYTES });
      continue;
    }
    missing[frame] = 0;
    if (!writtenFrames.has(frame) && equalBytes(pageBytes(atCopy.memory, frame), bytes)) continue;
    const runs = unexplainedRuns(atCopy.memory, bytes, frame, written);
    const first = runs[0];
    if (first !== undefined) {
      found.push({
        kind: 'content',
        pfn: frame,
        firstOffset: first.start,
        bytes: runs.reduce((sum, run) => sum + run.end - run.start, 0),
      });
    }
  }
  missing.forEach((isMissing, frame) => {
    if (isMissing === 1) found.push({ kind: 'missing', pfn: frame as Pfn, firstOffset: 0, bytes: PAGE_BYTES });
  });

  return {
    bytes: image.header.pages * PAGE_BYTES,
    pagesInImage: image.frames.length,
    zeroPages: image.zeroPages,
    pagesCompared: image.frames.length,
    pagesDiffering: found.length,
    differences: found
      .slice(0, differencesMax)
      .map((each) => ({ ...each, owner: nameSafely(namer, gpa(gpaOfPfn(each.pfn) + each.firstOffset)) })),
  };
}
