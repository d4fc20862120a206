// SPDX-License-Identifier: MIT
/** A guest that does not come to where it is awaited, as a finding. */
import { GuestError, StallError } from '../../machine/errors.js';
import { consoleTail } from '../stop.js';
import type { StepContext } from './context.js';

/** Keeps `error` as a finding, with which the scenario ends. Of a machine that stalled, which says nothing itself, also where that was. */
export function takeFailure(context: StepContext, error: GuestError): void {
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
