// SPDX-License-Identifier: MIT
/** A marker and the RAM at that marker, for the proofs that compare a suspend with its resume. */
import type { MarkerSeen, RamCopy } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { consoleTail } from './stop.js';

export interface RamAt {
  readonly marker: MarkerSeen;
  /** Undefined when no copy was requested. */
  readonly ram: RamCopy | undefined;
}

/**
 * A trigger that copies RAM at each marker of this kind, if `wanted`. Copying takes longer than many steps of the
 * guest.
 */
export const copyRamAt = (kind: number, wanted: boolean): readonly ArmedTrigger[] =>
  wanted ? [{ when: { on: 'marker', kind }, then: { do: 'capture', label: 'RAM' } }] : [];

/**
 * The last marker of this kind, and the RAM that was copied there.
 * @throws GuestError when there was no marker.
 */
export function ramAt(kind: number, recorder: Recorder): RamAt {
  const { markers, console } = recorder.seen();
  const marker = markers.findLast((seen) => seen.kind === kind);
  if (marker) return { marker, ram: recorder.takeCaptures().at(-1) };
  throw new GuestError('the kernel passed the atomic copy or returned from it without sending its marker', {
    consoleTail: consoleTail(console),
    remedy: "run a guest kernel that was built with the rig's markers",
  });
}
