// SPDX-License-Identifier: MIT
/** Runs a plan: the machine that is suspended, and beside it the control machine that never is. */
import { bootStates } from './boot.js';
import type { Finding, RunOutcome, TimelineOutcome } from './outcome.js';
import { controlSteps, unroll, type Plan } from './plan.js';
import { runTimeline, type TimelineDeps } from './timeline.js';

export type RunDeps = Omit<TimelineDeps, 'bootState'>;

/**
 * The outcome of `plan`. Both machines run at the same time, each in its own worker.
 * @throws GuestError when a guest does not come to where it can be asked, InputError, RigError.
 */
export async function runPlan(plan: Plan, deps: RunDeps): Promise<RunOutcome> {
  const shared: TimelineDeps = { ...deps, bootState: bootStates() };
  const withControl = plan.control && unroll(plan.steps).some(({ do: what }) => what === 'suspend');
  const stop = new AbortController();
  const signal = deps.booter.signal ? AbortSignal.any([deps.booter.signal, stop.signal]) : stop.signal;
  const controlDeps: TimelineDeps = { ...shared, booter: { ...shared.booter, signal }, say: () => undefined };
  const control = withControl ? runTimeline(plan, controlSteps(plan.steps), controlDeps) : undefined;
  // Its failure is looked at below; without this it would end the process while the main run goes on.
  control?.catch(() => undefined);
  let main: TimelineOutcome;
  try {
    main = await runTimeline(plan, plan.steps, shared);
  } catch (error) {
    stop.abort(error);
    await control?.catch(() => undefined);
    throw error;
  }
  const controlled = await control;
  return { main, control: controlled, findings: [...main.findings, ...(controlled ? compareWithControl(main, controlled) : [])] };
}

/** What the control run says about the main run. A check that fails there too is no fault of the suspend, but still one of the guest. */
export function compareWithControl(main: TimelineOutcome, control: TimelineOutcome): readonly Finding[] {
  const inControl = control.findings.map((found): Finding => ({ ...found, kind: 'control', what: `in the control run: ${found.what}` }));
  const names = (of: TimelineOutcome): ReadonlySet<string> => new Set(of.selfChecks.map(({ name }) => name));
  const [mainNames, controlNames] = [names(main), names(control)];
  const missing = [...controlNames].filter((name) => !mainNames.has(name));
  if (missing.length === 0) return inControl;
  return [...inControl, { kind: 'control', what: `${missing.length} self-checks of the control run did not report after the resume`, details: missing }];
}
