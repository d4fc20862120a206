// SPDX-License-Identifier: MIT
/** What became of each page by a snapshot, for a picture of all of them. */
import { pfn } from '../../machine/units.js';
import { pageBytes, type GuestMemory } from '../../memory/view.js';
import { OMISSION_NAMES, type Accounting, type Omission } from './account.js';
import { isZero } from './compare.js';

/**
 * By number, as in {@link fatesOf}. `zeros`: in the image as nothing but zeros. `written`: preserved in place, and written since,
 * or given up: its program has another page, or none. `held`: copies, bitmaps and the way back, for the image itself.
 */
export const PAGE_FATES = ['left', 'free', 'held', 'copied', 'zeros', 'preserved', 'written', 'differing'] as const;
export type PageFate = (typeof PAGE_FATES)[number];

const numberOf = (fate: PageFate): number => PAGE_FATES.indexOf(fate);

/** Those of pages that are not in the image. */
const FATE_OF_REASON: Readonly<Record<Omission, PageFate>> = {
  free: 'free',
  imageCopy: 'held',
  imageBitmap: 'held',
  rollback: 'held',
  nosaveRegion: 'left',
  nosaveSection: 'left',
  firmware: 'left',
  unmapped: 'left',
  offline: 'left',
  guard: 'left',
};

export interface FatesNow {
  /** By frame: 1 if no page table has it in the live timeline. Absent in a restored one, where nothing is preserved any more. */
  readonly unmapped?: Uint8Array;
  /** Frames that the proofs have found to differ. */
  readonly differing?: Iterable<number>;
}

/**
 * The fate of each frame, as a number of {@link PAGE_FATES}.
 * @param memory at the copy. `account`: of the same.
 */
export function fatesOf(memory: GuestMemory, account: Accounting, { unmapped, differing = [] }: FatesNow): Uint8Array {
  const { inImage, preserved, reasons, lost, superfluous } = account;
  const byReason = [numberOf('left'), ...OMISSION_NAMES.map((name) => numberOf(FATE_OF_REASON[name]))];
  const fateOf = (frame: number): PageFate => {
    if (preserved[frame] === 1) return unmapped?.[frame] === 1 ? 'written' : 'preserved';
    return isZero(pageBytes(memory, pfn(frame))) ? 'zeros' : 'copied';
  };
  const fates = Uint8Array.from(reasons, (reason, frame) =>
    inImage[frame] === 1 ? numberOf(fateOf(frame)) : (byReason[reason] ?? 0),
  );
  for (const frame of [...differing, ...lost, ...superfluous.map((page) => page.frame)])
    fates[frame] = numberOf('differing');
  return fates;
}
