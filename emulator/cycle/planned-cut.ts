// SPDX-License-Identifier: MIT
/** A planned power cut, however the rig learns of it. */
import { PowerCut } from '../machine/errors.js';

/**
 * The result of `work`, or 'powerCut' when a planned power cut came before its end. `work` throws {@link PowerCut}
 * wherever it awaits something of a machine without power.
 */
export async function untilCut<T>(work: () => Promise<T>): Promise<T | 'powerCut'> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PowerCut) return 'powerCut';
    throw error;
  }
}
