// SPDX-License-Identifier: MIT
import type { Fault } from '../../faults/fault.js';
import { faultMs } from '../../faults/time.js';
import { GuestError } from '../../machine/errors.js';
import type { Recorder } from '../recorder.js';
import { consoleTail } from '../stop.js';
import type { StepContext } from './context.js';

/**
 * A fault that was not applied tests nothing, so the run must not pass. The listener is told of the others.
 * @param begunMs when the step with the faults began, in virtual time of this machine.
 * @throws GuestError when a planned power cut or change of RAM did not happen, or no request to a disk failed that was to.
 */
export function expectFaultsApplied(
  { deps, machines }: StepContext,
  faults: readonly Fault[],
  recorder: Recorder,
  cut: boolean,
  begunMs = 0,
): void {
  const missed =
    !cut && faults.some(({ fault }) => fault === 'cutPower')
      ? 'the planned power cut'
      : recorder.armed().some(({ then }) => then.do === 'flip')
        ? 'the planned bit flip in memory'
        : recorder.failedRequests() === 0 && faults.some(({ fault }) => fault === 'failDisk')
          ? 'the planned failure of a request to a disk'
          : undefined;
  if (missed === undefined) {
    for (const fault of faults) {
      const virtualMs = faultMs(fault, recorder.seen(), begunMs);
      if (virtualMs !== undefined) deps.onFault?.({ fault: fault.fault, machine: machines.number, virtualMs });
    }
    return;
  }
  throw new GuestError(`${missed} did not happen: the guest never reached its place`, {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'name a marker, write or instruction that this step reaches',
  });
}
