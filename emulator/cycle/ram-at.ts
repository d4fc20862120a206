// SPDX-License-Identifier: MIT
/** Where a suspend and its resume meet: a marker, and RAM as it was there for the proofs that look at it. */
import type { MarkerSeen } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { consoleTail } from './stop.js';

export interface RamAt {
  readonly marker: MarkerSeen;
  /** All RAM, index = gpa; undefined where no copy was wanted. */
  readonly memory: Uint8Array | undefined;
}

/** Has RAM copied at each marker of this kind, if `wanted`: it takes longer than many a step of the guest. */
export const copyRamAt = (kind: number, wanted: boolean): readonly ArmedTrigger[] =>
  wanted ? [{ when: { on: 'marker', kind }, then: { do: 'capture', label: 'RAM' } }] : [];

/**
 * The last marker of this kind, and what was copied there.
 * @throws GuestError when there was no marker.
 */
export function ramAt(kind: number, recorder: Recorder): RamAt {
  const { markers, console } = recorder.seen();
  const marker = markers.findLast((seen) => seen.kind === kind);
  if (marker) return { marker, memory: recorder.takeCaptures().at(-1)?.memory };
  throw new GuestError('the kernel passed the atomic copy, or came back from it, without its marker', {
    consoleTail: consoleTail(console),
    remedy: "run a guest kernel that was built with the rig's markers",
  });
}
