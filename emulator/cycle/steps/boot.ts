// SPDX-License-Identifier: MIT
import { triggersOf } from '../../faults/fault.js';
import { GuestError } from '../../machine/errors.js';
import { runToMarker } from '../boot.js';
import { succeed } from '../commands.js';
import { copyIntoGuest } from '../guest-files.js';
import { matchesLine } from '../pattern.js';
import { untilCut } from '../planned-cut.js';
import { endsOff, type SimpleStep } from '../plan.js';
import { BootStopped, consoleTail } from '../stop.js';
import { abandonBackground } from './background.js';
import type { StepContext } from './context.js';
import { expectFaultsApplied } from './faults.js';
import { layoutSent } from './layout.js';
import { afterPowerCut } from './power.js';

type BootStep = Extract<SimpleStep, { do: 'boot' }>;

/**
 * Boots the machine; at its first boot, the plan's files are copied into it. It is off afterwards when the step says that its
 * power is cut meanwhile, or that the boot stops.
 */
export async function boot(context: StepContext, step: BootStep): Promise<void> {
  const { plan, deps, machines } = context;
  abandonBackground(context);
  context.restoredLayout = undefined;
  context.copied = undefined;
  const pristine = machines.off.disks.every(({ overlay }) => overlay.length === 0);
  if (pristine && !endsOff(step) && !step.faults?.length) {
    await machines.powerOn('agentReady');
    await beginWork(context);
    return copyIntoGuest(machines.agent, plan.files, deps.say);
  }
  const recorder = await machines.powerOn('beforeDisk');
  const { faults = [] } = step;
  const layout = layoutSent(recorder);
  recorder.arm(triggersOf(faults, (symbol) => deps.proofs.addressOf(symbol, layout)));
  const end = await untilCut(() => reachAgent(context, step));
  expectFaultsApplied(context, faults, recorder, end === 'powerCut');
  if (end === 'running') return beginWork(context);
  await afterPowerCut(context);
}

/** @throws GuestError when the boot ends in another way than the step says. */
async function reachAgent({ deps, machines }: StepContext, { stops }: BootStep): Promise<'running' | 'stopped'> {
  const { recorder } = machines;
  try {
    await runToMarker('agentReady', recorder, deps.booter);
  } catch (error) {
    if (stops === undefined || !(error instanceof BootStopped)) throw error;
    if (await matchesLine(stops, error.consoleTail, 'the last lines of the console', deps.matcher)) return 'stopped';
    throw new GuestError(`the boot stopped with no message that matches /${stops}/`, {
      cause: error,
      consoleTail: error.consoleTail,
    });
  }
  if (stops === undefined) return 'running';
  throw new GuestError(`the boot should have stopped (/${stops}/), but the system came up`, {
    consoleTail: consoleTail(recorder.seen().console),
    remedy: 'leave out `stops` if the system may boot here',
  });
}

async function beginWork({ plan, machines }: StepContext): Promise<void> {
  const agent = await machines.connect();
  for (const command of plan.bootCommands ?? []) await succeed(agent, command);
}
