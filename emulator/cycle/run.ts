// SPDX-License-Identifier: MIT
/** Runs a plan: the machine that is suspended, and beside it the control machine that never is. */
import { bootStates, type BootStates } from './boot.js';
import type { Finding, RunOutcome, TimelineOutcome } from './outcome.js';
import { GuestError } from '../machine/errors.js';
import { controlSteps, splitAtSuspend, unroll, type Plan, type SplitSteps, type Step } from './plan.js';
import type { TimelineDeps } from './steps/context.js';
import { reachState, runTimeline, type Reached } from './timeline.js';

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
        ? await runTimeline(controlPlan(plan), controlSteps(plan.steps), controlDeps(shared))
        : undefined;
    return outcomeOf(main, control);
  }
  const reached = await commonState(plan, split, shared);
  // Nothing has been suspended, so there is nothing to compare with a control run.
  if ('outcome' in reached) return outcomeOf(reached.outcome, undefined);
  begun = split.before.length;
  return fork(plan, split.rest, shared, reached);
}

/** Part of the name of a common state: another one for each change of what is kept with it. */
const NOTES_FORMAT = 3;

/** The state before the first suspend, over which both runs go; or the outcome, when the scenario ends before it. */
async function commonState(
  plan: Plan,
  { before, rest }: SplitSteps,
  deps: TimelineDeps,
): Promise<Reached | { readonly outcome: TimelineOutcome }> {
  const files = await Promise.all(
    plan.files.map(async ({ path, mode, bytes }) => [path, mode, await deps.hash([bytes])]),
  );
  const name = await deps.hash([
    new TextEncoder().encode(
      JSON.stringify([NOTES_FORMAT, before, files, plan.machine.seed, ...(plan.bootCommands ?? [])]),
    ),
  ]);
  let made: Awaited<ReturnType<typeof reachState>> | undefined;
  try {
    const state = await deps.states.obtain(name.slice(0, 32), deps.booter, async () => {
      made = await reachState(plan, before, rest, deps);
      if ('state' in made) return made.state;
      throw new GuestError('the scenario ends before its first suspend');
    });
    return { state, told: made !== undefined };
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    // Another run with the same states may have come to that end; this one sees it for itself.
    return made && 'outcome' in made ? made : { outcome: await runTimeline(plan, plan.steps, deps) };
  }
}

/** Main and control run side by side, each in its own worker; when one cannot go on, the other is ended. */
async function fork(plan: Plan, rest: readonly Step[], deps: TimelineDeps, from: Reached): Promise<RunOutcome> {
  const stop = new AbortController();
  const signal = deps.booter.signal ? AbortSignal.any([deps.booter.signal, stop.signal]) : stop.signal;
  // People follow the main run; what the control run shows would stand in between.
  const { onConsole: _console, onProgress: _progress, ...quiet } = deps.booter;
  const aside = controlDeps({ ...deps, booter: { ...quiet, signal } });
  const control = plan.control ? runTimeline(controlPlan(plan), controlSteps(rest, true), aside, from) : undefined;
  // Its failure is looked at below; without this it would end the process while the main run goes on.
  control?.catch(() => undefined);
  try {
    return outcomeOf(await runTimeline(plan, rest, deps, from), await control);
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

const controlDeps = (deps: TimelineDeps): TimelineDeps => ({
  ...deps,
  timeline: 'control',
  say: () => undefined,
  onFinding: (finding) => deps.onFinding?.(inControlRun(finding)),
});

const inControlRun = (finding: Finding): Finding => ({
  ...finding,
  kind: 'control',
  what: `in the control run: ${finding.what}`,
});

function outcomeOf(main: TimelineOutcome, control: TimelineOutcome | undefined): RunOutcome {
  return { main, control, findings: [...main.findings, ...(control ? compareWithControl(main, control) : [])] };
}

/** What the control run says about the main run. A check that fails there too is no fault of the suspend, but still one of the guest. */
export function compareWithControl(main: TimelineOutcome, control: TimelineOutcome): readonly Finding[] {
  const inControl = control.findings.map(inControlRun);
  // A main run that ended early has not asked its self-checks; the outcome says so.
  if (main.stepsNotRun.some(({ timeline }) => timeline === 'main')) return inControl;
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
