// SPDX-License-Identifier: MIT
/** Runs a plan: the machine that is suspended, and beside it the control machine that never is. */
import { bootStates, type BootStates } from './boot.js';
import type { Finding, RunOutcome, TimelineOutcome } from './outcome.js';
import { GuestError } from '../machine/errors.js';
import type { BootState } from './boot-state.js';
import { controlSteps, splitAtSuspend, unroll, type Plan, type Step } from './plan.js';
import type { TimelineDeps } from './steps/context.js';
import { reachState, runTimeline } from './timeline.js';

export interface RunDeps extends Omit<TimelineDeps, 'states' | 'say'> {
  /** Called with each step as it begins and the share of the plan that is done, and with the share of a long step: 0 to 1. */
  readonly say: (what: string, fraction: number) => void;
  /** States that earlier runs have come by, for who runs the same plan many times; else those of this run alone. */
  readonly states?: BootStates;
}

/**
 * The outcome of `plan`. Both machines run at the same time, each in its own worker.
 * @throws InputError, RigError; what the guests do wrong is in the outcome.
 */
export async function runPlan(plan: Plan, deps: RunDeps): Promise<RunOutcome> {
  const steps = unroll(plan.steps);
  let begun = 0;
  const shared: TimelineDeps = {
    ...deps,
    states: deps.states ?? bootStates(),
    say: (what, fraction) => deps.say(what, fraction ?? begun++ / steps.length),
  };
  const split = splitAtSuspend(plan.steps);
  if (!split) {
    const main = await runTimeline(plan, plan.steps, shared);
    const control =
      plan.control && main.cycles.length > 0
        ? await runTimeline(controlPlan(plan), controlSteps(plan.steps), { ...shared, say: () => undefined })
        : undefined;
    return outcomeOf(main, control);
  }
  const ready = await commonState(plan, split.before, shared);
  // The guest has failed before there was anything to suspend: the steps one by one say how.
  if (!ready) return outcomeOf(await runTimeline(plan, split.before, shared), undefined);
  begun = split.before.length;
  return fork(plan, split.rest, shared, ready);
}

/** The state before the first suspend, over which both runs go; undefined when the guest does not come there. */
async function commonState(plan: Plan, before: readonly Step[], deps: TimelineDeps): Promise<BootState | undefined> {
  const files = await Promise.all(
    plan.files.map(async ({ path, mode, bytes }) => [path, mode, await deps.hash([bytes])]),
  );
  const name = await deps.hash([
    new TextEncoder().encode(JSON.stringify([before, files, plan.machine.seed, ...(plan.bootCommands ?? [])])),
  ]);
  try {
    return await deps.states.obtain(name.slice(0, 32), deps.booter, () => reachState(plan, before, deps));
  } catch (error) {
    if (error instanceof GuestError) return undefined;
    throw error;
  }
}

/** Main and control run side by side, each in its own worker; when one cannot go on, the other is ended. */
async function fork(plan: Plan, rest: readonly Step[], deps: TimelineDeps, ready: BootState): Promise<RunOutcome> {
  const stop = new AbortController();
  const signal = deps.booter.signal ? AbortSignal.any([deps.booter.signal, stop.signal]) : stop.signal;
  // People follow the main run; what the control run shows would stand in between.
  const { onConsole: _console, onProgress: _progress, ...quiet } = deps.booter;
  const aside: TimelineDeps = { ...deps, booter: { ...quiet, signal }, say: () => undefined };
  const control = plan.control ? runTimeline(controlPlan(plan), controlSteps(rest, true), aside, ready) : undefined;
  // Its failure is looked at below; without this it would end the process while the main run goes on.
  control?.catch(() => undefined);
  try {
    return outcomeOf(await runTimeline(plan, rest, deps, ready), await control);
  } catch (error) {
    stop.abort(error);
    await control?.catch(() => undefined);
    throw error;
  }
}

/** What the console is expected to show may come of a suspend, or of a live timeline: here it may come, and need not. */
function controlPlan(plan: Plan): Plan {
  if (!plan.console) return plan;
  const { expect, allow } = plan.console;
  return { ...plan, console: { expect: [], allow: [...expect, ...allow] } };
}

function outcomeOf(main: TimelineOutcome, control: TimelineOutcome | undefined): RunOutcome {
  return { main, control, findings: [...main.findings, ...(control ? compareWithControl(main, control) : [])] };
}

/** What the control run says about the main run. A check that fails there too is no fault of the suspend, but still one of the guest. */
export function compareWithControl(main: TimelineOutcome, control: TimelineOutcome): readonly Finding[] {
  const inControl = control.findings.map((found): Finding => ({
    ...found,
    kind: 'control',
    what: `in the control run: ${found.what}`,
  }));
  const names = (of: TimelineOutcome): ReadonlySet<string> => new Set(of.selfChecks.map(({ name }) => name));
  const [mainNames, controlNames] = [names(main), names(control)];
  const missing = [...controlNames].filter((name) => !mainNames.has(name));
  if (missing.length === 0) return inControl;
  return [
    ...inControl,
    {
      kind: 'control',
      what: `${missing.length} self-checks of the control run did not report after the resume`,
      details: missing,
    },
  ];
}
