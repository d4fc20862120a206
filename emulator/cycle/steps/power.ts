// SPDX-License-Identifier: MIT
/** Steps that end with the machine off, and the look at its filesystems that follows. */
import { GuestError } from '../../machine/errors.js';
import { Bound } from '../bound.js';
import type { SimpleStep } from '../plan.js';
import { stayedBusy } from '../shutdown.js';
import { consoleTail } from '../stop.js';
import { lookAtBackground } from './background.js';
import type { StepContext } from './context.js';

/** Power is gone without warning: what is on the disks must still be whole. */
export async function cutPower(context: StepContext): Promise<void> {
  if (context.machines.hasAgent) await lookAtBackground(context, 'before the power cut');
  context.machines.powerOff();
  await checkFilesystems(context, 'powerOff');
}

export async function shutDown(
  context: StepContext,
  { timeoutMs }: Extract<SimpleStep, { do: 'shutdown' }>,
): Promise<void> {
  const { recorder, agent } = context.machines;
  await lookAtBackground(context, 'before the shutdown');
  const bound = new Bound('shutdown', recorder, timeoutMs);
  const end = await bound.during((virtualMsMax) => agent.powerOff({ virtualMsMax }));
  if (end.why !== 'halted')
    throw new GuestError(`awaited the machine to power off, but it stopped otherwise (${end.why})`, {
      consoleTail: consoleTail(recorder.seen().console),
    });
  const busy = stayedBusy(recorder.seen());
  if (busy) context.evidence.find(busy.kind, busy.what, busy.details);
  context.machines.powerOff();
  await checkFilesystems(context, 'shutdown');
}

export async function checkFilesystems(
  { deps, machines, evidence }: StepContext,
  at: 'powerOff' | 'shutdown',
): Promise<void> {
  evidence.addFilesystems(await deps.proofs.filesystems(machines.off.disks, at));
}
