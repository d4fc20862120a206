// SPDX-License-Identifier: MIT
/** How far the machines of a run have come. */
import type { MachineShown } from '../../../cycle/machines.js';

/** Virtual time since the first power-on until now, over all machines. */
export function endMs(machines: readonly MachineShown[]): number {
  const last = machines.at(-1);
  return last ? last.startVirtualMs + last.virtualMs : 0;
}

/** The machines that have come farther. */
export const farther = (one: readonly MachineShown[], two: readonly MachineShown[]): readonly MachineShown[] =>
  endMs(one) > endMs(two) ? one : two;
