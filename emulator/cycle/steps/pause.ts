// SPDX-License-Identifier: MIT
/** Pauses of a run: see `TimelineDeps.pause`. */
import type { Moment, StepContext } from './context.js';

/** Pauses before what has this title, if anybody wants pauses. What the running machine has shown is told before. */
export async function pause({ deps, machines }: StepContext, title: string, at: Moment): Promise<void> {
  if (!deps.pause) return;
  machines.show();
  await deps.pause({ title, ...at });
}
