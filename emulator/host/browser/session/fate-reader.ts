// SPDX-License-Identifier: MIT
/** What became of each page by the last snapshot of a run, as the memory map shows it. */
import type { Copied } from '../../../cycle/steps/context.js';
import type { RamCopy } from '../../../machine/contract.js';
import { pfn } from '../../../machine/units.js';
import { announcedKernel } from '../../../memory/kernel.js';
import { parseSystemMap } from '../../../memory/symbols.js';
import { guestMemory, pageBytes, type GuestMemory } from '../../../memory/view.js';
import { accountForPages, notInImage, type Accounting } from '../../../verify/memory/account.js';
import { fatesOf } from '../../../verify/memory/fates.js';

/** A page at the copy. */
export interface PageCopied {
  readonly bytes: Uint8Array;
  /** Why it is not in the image, in the words of the proofs. Undefined where it is. */
  readonly notInImage: string | undefined;
}

export interface FateReader {
  /**
   * See `fatesOf`. Undefined without a snapshot.
   * @param unmapped of the machine now; see `KindReader.unmapped`.
   */
  fates(copied: Copied | undefined, unmapped: () => Promise<Uint8Array>): Promise<Uint8Array | undefined>;
  /** Undefined without a snapshot. */
  page(copied: Copied | undefined, frame: number): PageCopied | undefined;
  /** The proof of memory has found these frames to differ. */
  differ(frames: readonly number[]): void;
}

/** @param systemMap its text. */
export function createFateReader(systemMap: string): FateReader {
  const symbols = parseSystemMap(systemMap);
  const known = new WeakMap<RamCopy, { readonly memory: GuestMemory; readonly account: Accounting }>();
  const accountFor = ({ ram, layout }: Copied): { readonly memory: GuestMemory; readonly account: Accounting } => {
    const seen = known.get(ram);
    if (seen) return seen;
    const memory = guestMemory(ram.memory);
    const made = { memory, account: accountForPages(announcedKernel(memory, symbols, layout)) };
    known.set(ram, made);
    return made;
  };
  let differing: readonly number[] = [];
  return {
    async fates(copied, unmapped) {
      if (!copied) return undefined;
      const { memory, account } = accountFor(copied);
      // Those of an earlier snapshot are not those of this one.
      if (copied.isLive) differing = [];
      return fatesOf(memory, account, copied.isLive ? { unmapped: await unmapped() } : { differing });
    },
    page(copied, frame) {
      if (!copied) return undefined;
      const { memory, account } = accountFor(copied);
      return { bytes: pageBytes(memory, pfn(frame)).slice(), notInImage: notInImage(account, pfn(frame)) };
    },
    differ(frames) {
      differing = frames;
    },
  };
}
