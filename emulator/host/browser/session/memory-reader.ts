// SPDX-License-Identifier: MIT
/** Reads from a machine what the memory map shows. */
import type { Machine, MarkerSeen } from '../../../machine/contract.js';
import { GuestError } from '../../../machine/errors.js';
import { MARKER_LAYOUT } from '../../../machine/markers.js';
import { gpaOfPfn, pfn } from '../../../machine/units.js';
import { announcedKernel, type GuestKernel } from '../../../memory/kernel.js';
import { kindReader } from '../../../memory/kinds.js';
import { nameSafely, ownerNamer } from '../../../memory/owner.js';
import { parseSystemMap } from '../../../memory/symbols.js';
import { guestMemory, pageBytes } from '../../../memory/view.js';

export interface MemoryShown {
  /** See `KindReader.kinds`. */
  readonly kinds: Uint8Array;
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
  /** Virtual time of its machine. */
  readonly virtualMs: number;
}

/** Asks a machine that stands. */
export interface MemoryReader {
  /** See `KindReader.kinds`. */
  kinds(): Promise<Uint8Array>;
  /** Needs a capture, so it takes longer. @throws GuestError when the structures of the guest are damaged. */
  page(frame: number): Promise<Pick<PageShown, 'owner' | 'bytes'>>;
}

/**
 * Takes a capture for what will not change.
 * @param systemMap its text. `markers`: of the machine, from its power-on.
 * @throws GuestError when they announce no layout, or when the structures of the guest are damaged.
 */
export async function memoryReader(
  machine: Pick<Machine, 'readMemory' | 'captureMemory'>,
  systemMap: string,
  markers: readonly MarkerSeen[],
): Promise<MemoryReader> {
  const layout = markers.find(({ kind }) => kind === MARKER_LAYOUT);
  if (!layout) throw new GuestError("the kernel has not announced its layout table, so its memory can't be read");
  const symbols = parseSystemMap(systemMap);
  const kernel = async (): Promise<GuestKernel> =>
    announcedKernel(guestMemory(await machine.captureMemory()), symbols, layout);
  const reader = kindReader(await kernel());
  return {
    async kinds() {
      const { pieces } = reader;
      return reader.kinds(await Promise.all(pieces.map(({ at, lengthBytes }) => machine.readMemory(at, lengthBytes))));
    },
    async page(frame) {
      const now = await kernel();
      const of = pfn(frame);
      return { owner: nameSafely(ownerNamer(now), gpaOfPfn(of)), bytes: pageBytes(now.memory, of).slice() };
    },
  };
}
