// SPDX-License-Identifier: MIT
/** Reads from a machine what the memory map shows. */
import type { Copied } from '../../../cycle/steps/context.js';
import type { Machine, MarkerSeen } from '../../../machine/contract.js';
import { GuestError } from '../../../machine/errors.js';
import { MARKER_LAYOUT } from '../../../machine/markers.js';
import { gpaOfPfn, pfn } from '../../../machine/units.js';
import { announcedKernel, type GuestKernel } from '../../../memory/kernel.js';
import { kindReader } from '../../../memory/kinds.js';
import { nameSafely, ownerNamer } from '../../../memory/owner.js';
import { parseSystemMap } from '../../../memory/symbols.js';
import { guestMemory, pageBytes } from '../../../memory/view.js';
import type { FateReader, PageCopied } from './fate-reader.js';

export interface MemoryShown {
  /** See `KindReader.kinds`. */
  readonly kinds: Uint8Array;
  /** See `fatesOf`. Undefined where there has been no snapshot. */
  readonly fates?: Uint8Array | undefined;
  /** Virtual time of its machine. */
  readonly virtualMs: number;
  /** How many pictures there have been, and the real time that all of them together have taken, in ms. */
  readonly pictures: number;
  readonly tookMs: number;
}

export interface PageShown {
  readonly frame: number;
  /** As the proofs name it. */
  readonly owner: string;
  readonly bytes: Uint8Array;
  /** At the last snapshot, if there has been one. */
  readonly copied?: PageCopied | undefined;
  /** Virtual time of its machine. */
  readonly virtualMs: number;
}

/** Asks a machine that stands. */
export interface MemoryReader {
  /** See `KindReader.kinds`. */
  kinds(): Promise<Uint8Array>;
  /** See `FateReader.fates`. */
  fates(): Promise<Uint8Array | undefined>;
  /** Needs a capture, so it takes longer. @throws GuestError when the structures of the guest are damaged. */
  page(frame: number): Promise<Pick<PageShown, 'owner' | 'bytes' | 'copied'>>;
}

/**
 * Takes a capture for what will not change.
 * @param systemMap its text. `markers`: of the machine, from its power-on. `snapshot`: its last one, and who reads it.
 * @throws GuestError when they announce no layout, or when the structures of the guest are damaged.
 */
export async function memoryReader(
  machine: Pick<Machine, 'readMemory' | 'captureMemory'>,
  systemMap: string,
  markers: readonly MarkerSeen[],
  snapshot?: { readonly copied: Copied | undefined; readonly fates: FateReader },
): Promise<MemoryReader> {
  const layout = markers.find(({ kind }) => kind === MARKER_LAYOUT);
  if (!layout) throw new GuestError("the kernel has not announced its layout table, so its memory can't be read");
  const symbols = parseSystemMap(systemMap);
  const kernel = async (): Promise<GuestKernel> =>
    announcedKernel(guestMemory(await machine.captureMemory()), symbols, layout);
  const reader = kindReader(await kernel());
  const pieces = (): Promise<Uint8Array[]> =>
    Promise.all(reader.pieces.map(({ at, lengthBytes }) => machine.readMemory(at, lengthBytes)));
  return {
    kinds: async () => reader.kinds(await pieces()),
    fates: async () => snapshot?.fates.fates(snapshot.copied, async () => reader.unmapped(await pieces())),
    async page(frame) {
      const now = await kernel();
      const of = pfn(frame);
      return {
        owner: nameSafely(ownerNamer(now), gpaOfPfn(of)),
        bytes: pageBytes(now.memory, of).slice(),
        copied: snapshot?.fates.page(snapshot.copied, frame),
      };
    },
  };
}
