// SPDX-License-Identifier: MIT
/** Records a guest that does not reach an awaited point as a finding. */
import { GuestError, StallError } from '../../machine/errors.js';
import { consoleTail } from '../stop.js';
import type { StepContext } from './context.js';

/**
 * Records `error` as a finding and ends the scenario. For a stalled machine it adds the machine, the step and the
 * console, because the error lacks them.
 */
export function recordFailure(context: StepContext, error: GuestError): void {
  const { evidence, machines, step } = context;
  context.over = true;
  context.failed = true;
  const booting = error.cause instanceof StallError;
  if (!booting && !(error instanceof StallError)) {
    evidence.addError(error);
    return;
  }
  const number = booting ? machines.number + 1 : machines.number;
  evidence.addError(
    new GuestError(`machine ${number}, in the step '${step}': ${error.message}`, {
      consoleTail: !booting && machines.isOn ? consoleTail(machines.recorder.seen().console) : error.consoleTail,
      ...(error.remedy !== undefined && { remedy: error.remedy }),
    }),
  );
}
