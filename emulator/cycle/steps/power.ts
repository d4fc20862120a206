// SPDX-License-Identifier: MIT
/** Steps that end with the machine off, and the look at its filesystems that follows. */
import { GuestError } from '../../machine/errors.js';
import { consoleTail } from '../stop.js';
import type { StepContext } from './context.js';

/** Virtual time within which a shutdown must end. */
const SHUTDOWN_MS_MAX = 30_000;

/** Power is gone without warning: what is on the disks must still be whole. */
export async function cutPower(context: StepContext): Promise<void> {
  context.machines.powerOff();
  await checkFilesystems(context, 'powerOff');
}

export async function shutDown(context: StepContext): Promise<void> {
  const { recorder, agent } = context.machines;
  const end = await agent.powerOff({ virtualMsMax: SHUTDOWN_MS_MAX });
  if (end.why !== 'halted')
    throw new GuestError(`awaited the machine to power off, but it stopped otherwise (${end.why})`, {
      consoleTail: consoleTail(recorder.seen().console),
    });
  context.machines.powerOff();
  await checkFilesystems(context, 'shutdown');
}

export async function checkFilesystems(
  { deps, machines, evidence }: StepContext,
  at: 'powerOff' | 'shutdown',
): Promise<void> {
  evidence.filesystems.push(...evidence.take(await deps.proofs.filesystems(machines.off.disks, at)));
}
