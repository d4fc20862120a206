// SPDX-License-Identifier: MIT
/** Steps that end with the machine off, and the check of its filesystems after them. */
import { GuestError } from '../../machine/errors.js';
import { Bound } from '../bound.js';
import type { SimpleStep } from '../plan.js';
import { stayedBusy } from '../shutdown.js';
import { consoleTail } from '../stop.js';
import { collectBackground } from './background.js';
import type { StepContext } from './context.js';

/** Cuts power without warning. The filesystems on the disks must still be consistent. */
export async function cutPower(context: StepContext): Promise<void> {
  if (context.machines.hasAgent) await collectBackground(context, 'before the power cut');
  await afterPowerCut(context);
}

/** Keeps the evidence of a machine whose power was cut, and checks its filesystems. */
export async function afterPowerCut(context: StepContext): Promise<void> {
  context.machines.recorder.cutPower();
  context.machines.powerOff();
  await checkFilesystems(context, 'powerOff');
}

export async function shutDown(
  context: StepContext,
  { timeoutMs }: Extract<SimpleStep, { do: 'shutdown' }>,
): Promise<void> {
  const { recorder, agent } = context.machines;
  await collectBackground(context, 'before the shutdown');
  const bound = new Bound('shutdown', recorder, timeoutMs);
  const end = await bound.during((virtualMsMax) => agent.powerOff({ virtualMsMax }));
  if (end.why !== 'halted')
    throw new GuestError(`awaited the machine to power off, but it stopped for another reason (${end.why})`, {
      consoleTail: consoleTail(recorder.seen().console),
    });
  const busy = stayedBusy(recorder.seen());
  if (busy) context.evidence.addFindings([busy]);
  context.machines.powerOff();
  await checkFilesystems(context, 'shutdown');
}

export async function checkFilesystems(
  { deps, machines, evidence }: StepContext,
  at: 'powerOff' | 'shutdown',
): Promise<void> {
  evidence.addFilesystems(await deps.proofs.filesystems(machines.off.disks, at));
}
