// SPDX-License-Identifier: MIT
/** When planned faults have happened, from what their machine has shown. */
import type { MarkerSeen } from '../machine/contract.js';
import type { Fault } from './fault.js';

/** What a machine has shown until the step with the faults was over. */
export interface ShownUntil {
  readonly markers: readonly MarkerSeen[];
  /** Of this machine, at the end. */
  readonly virtualMs: number;
}

/**
 * Virtual time of its machine at which a fault has happened, in ms. Undefined where nothing tells that time: a write has none.
 * @param begunMs when the step with the fault began.
 */
export function faultMs(fault: Fault, { markers, virtualMs }: ShownUntil, begunMs: number): number | undefined {
  const reached = ({ marker, nth }: { readonly marker: number; readonly nth: number }): number | undefined =>
    markers.filter((seen) => seen.kind === marker && seen.virtualMs >= begunMs)[nth - 1]?.virtualMs;
  switch (fault.fault) {
    case 'flipMemory':
      return reached(fault.at);
    case 'failDisk':
      if (fault.at === 'begin') return begunMs;
      return 'marker' in fault.at ? reached(fault.at) : undefined;
    case 'cutPower':
    case 'alterSector':
      // The machine goes no further.
      return virtualMs;
  }
}
