// SPDX-License-Identifier: MIT
/** What each page of RAM was used for at the atomic copy, for a picture. It proves nothing. */
import type { SuspendEvidence } from '../../cycle/proofs.js';
import { GuestError } from '../../machine/errors.js';
import { announcedKernel } from '../../memory/kernel.js';
import { kindReader } from '../../memory/kinds.js';
import { parseSystemMap } from '../../memory/symbols.js';
import { guestMemory, offsetOf } from '../../memory/view.js';

/**
 * The kind of each frame, as a number of `PAGE_KINDS`. Undefined when RAM was not captured, or when the structures of the guest are
 * damaged: then the proofs tell. `highBytes`: of RAM, those at addresses from 4 GiB on. `systemMap`: its text.
 */
export function kindsAtCopy(
  { atCopy, layout }: Pick<SuspendEvidence, 'atCopy' | 'layout'>,
  systemMap: string,
  highBytes = 0,
): Uint8Array | undefined {
  if (!atCopy || !layout) return undefined;
  try {
    const memory = guestMemory(atCopy.memory, highBytes);
    const reader = kindReader(announcedKernel(memory, parseSystemMap(systemMap), layout));
    return reader.kinds(
      reader.pieces.map(({ at, lengthBytes }) => {
        const offset = offsetOf(memory, at, lengthBytes);
        return memory.bytes.subarray(offset, offset + lengthBytes);
      }),
    );
  } catch (error) {
    if (error instanceof GuestError) return undefined;
    throw error;
  }
}
