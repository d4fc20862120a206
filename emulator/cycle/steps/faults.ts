// SPDX-License-Identifier: MIT
import type { Fault } from '../../faults/fault.js';
import { GuestError } from '../../machine/errors.js';
import type { Recorder } from '../recorder.js';
import { consoleTail } from '../stop.js';

/**
 * A fault that does not strike tests nothing, so the run must not pass.
 * @throws GuestError when power was to be cut and was not, or RAM that was to be altered was not reached.
 */
export function expectStruck(faults: readonly Fault[], recorder: Recorder, cut: boolean): void {
  if (cut) return;
  const missed = faults.some(({ fault }) => fault === 'cutPower')
    ? 'the power cut'
    : recorder.armed().some(({ then }) => then.do === 'flip')
      ? 'the flip of memory'
      : undefined;
  if (missed === undefined) return;
  throw new GuestError(`${missed} that was planned did not come: the guest never reached its place`, {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'name a marker, write or instruction that this step comes to',
  });
}
