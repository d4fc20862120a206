// SPDX-License-Identifier: MIT
import { runToMarker } from '../boot.js';
import { succeed } from '../commands.js';
import { copyIntoGuest } from '../guest-files.js';
import { abandonBackground } from './background.js';
import type { StepContext } from './context.js';

/** Boots the machine; at its first boot, the plan's files are copied into it. */
export async function boot(context: StepContext): Promise<void> {
  const { plan, deps, machines } = context;
  abandonBackground(context);
  context.restoredLayout = undefined;
  const pristine = machines.off.disks.every(({ overlay }) => overlay.length === 0);
  const recorder = await machines.powerOn(pristine ? 'agentReady' : 'beforeDisk');
  if (!pristine) await runToMarker('agentReady', recorder, deps.booter);
  const agent = await machines.connect();
  for (const command of plan.bootCommands ?? []) await succeed(agent, command);
  if (pristine) await copyIntoGuest(agent, plan.files, deps.say);
}
