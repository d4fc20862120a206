// SPDX-License-Identifier: MIT
/** Pauses of a run: see `TimelineDeps.pause`. */
import type { RamCopy } from '../../machine/contract.js';
import type { Moment, Standing, StepContext } from './context.js';
import { layoutSent } from './layout.js';

/** Pauses before what has this title, if anybody wants pauses. What the running machine has shown is told before. */
export async function pause(context: StepContext, title: string, at: Moment): Promise<void> {
  const { deps, machines } = context;
  if (!deps.pause) return;
  machines.show();
  await deps.pause({ title, ...at }, machines.isOn ? standingOf(context, at.part > 0) : undefined);
}

function standingOf({ machines: { recorder }, restoredLayout, copied }: StepContext, isLive: boolean): Standing {
  const { machine } = recorder;
  return {
    machine,
    virtualMs: recorder.seen().virtualMs,
    layout: restoredLayout ?? layoutSent(recorder),
    copied,
    isLive,
  };
}

/** Keeps what somebody may look at in pauses: the memory at the copy, in the live timeline. */
export function keepCopied(context: StepContext, ram: RamCopy | undefined): void {
  const layout = context.restoredLayout ?? layoutSent(context.machines.recorder);
  if (context.deps.pause && ram && layout) context.copied = { ram, layout, isLive: true };
}
