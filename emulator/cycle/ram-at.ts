// SPDX-License-Identifier: MIT
/** A marker and the RAM at that marker, for the proofs that compare a suspend with its resume. */
import type { MarkerSeen } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { consoleTail } from './stop.js';

export interface RamAt {
  readonly marker: MarkerSeen;
  /** All RAM, index = gpa; undefined when no copy was requested. */
  readonly memory: Uint8Array | undefined;
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
  if (marker) return { marker, memory: recorder.takeCaptures().at(-1)?.memory };
  throw new GuestError('the kernel passed the atomic copy or returned from it without sending its marker', {
    consoleTail: consoleTail(console),
    remedy: "run a guest kernel that was built with the rig's markers",
  });
}
