// SPDX-License-Identifier: MIT
/** How far the machines of a run have come. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { Inside } from './recall/inside.js';

/** Virtual time since the first power-on until now, over all machines. */
export function endMs(machines: readonly MachineShown[]): number {
  const last = machines.at(-1);
  return last ? last.startVirtualMs + last.virtualMs : 0;
}

/** The machines that have come farther. */
export const farther = (one: readonly MachineShown[], two: readonly MachineShown[]): readonly MachineShown[] =>
  endMs(one) > endMs(two) ? one : two;

/** When the instant is at which a run stands within a part, as {@link endMs}. `known`: the machines of the run before, which may have come farther. */
export function insideMs({
  paused,
  known,
  machines,
}: {
  readonly paused: { readonly inside?: Inside } | undefined;
  readonly known: readonly MachineShown[];
  readonly machines: readonly MachineShown[];
}): number | undefined {
  const inside = paused?.inside;
  const machine = inside && farther(known, machines).find(({ number }) => number === inside.machine);
  return machine && machine.startVirtualMs + inside.virtualMs;
}
