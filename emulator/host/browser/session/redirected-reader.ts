// SPDX-License-Identifier: MIT
/** Which sectors the live timeline has redirected, as the disk map shows them at a pause. */
import type { Standing } from '../../../cycle/steps/context.js';
import { GuestError } from '../../../machine/errors.js';
import { announcedKernel } from '../../../memory/kernel.js';
import { redirected, type RedirectedRange } from '../../../memory/substitutes.js';
import { parseSystemMap } from '../../../memory/symbols.js';
import { guestMemory } from '../../../memory/view.js';

export interface RedirectedShown {
  /** The machine in whose memory this was read: 1 for the first. It is true of its live timeline only. */
  readonly machine: number;
  readonly ranges: readonly RedirectedRange[];
}

/**
 * Takes a capture of a machine that is in a live timeline. Answers nothing for another machine, and where the guest has damaged its
 * structures.
 * @param systemMap its text.
 */
export async function readRedirected(
  { machine, layout, isLive }: Pick<Standing, 'layout' | 'isLive'> & { readonly machine: Capturing },
  systemMap: string,
): Promise<readonly RedirectedRange[]> {
  if (!isLive || !layout) return [];
  const memory = guestMemory(await machine.captureMemory());
  try {
    return redirected(announcedKernel(memory, parseSystemMap(systemMap), layout));
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    return [];
  }
}

type Capturing = Pick<Standing['machine'], 'captureMemory'>;
