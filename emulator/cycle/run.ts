// SPDX-License-Identifier: MIT
/** Runs a plan on the machine that is suspended and, in parallel, on the control machine that never is. */
import { bootStates, hasEqualBoots, type BootStates } from './boot.js';
import type { Finding, RunOutcome, TimelineOutcome } from './outcome.js';
import { GuestError } from '../machine/errors.js';
import { controlSteps, splitAtSuspend, unroll, type Plan, type SplitSteps, type Step } from './plan.js';
import type { TimelineDeps } from './steps/context.js';
import { reachState, runTimeline, type Reached } from './timeline.js';

export interface RunDeps extends Omit<TimelineDeps, 'states' | 'say'> {
  /**
   * Called at the beginning of each step with the fraction of the plan that is done (0 to 1), and during a long step
   * with the fraction of that step.
   */
  readonly say: (what: string, fraction: number) => void;
  /** Boot states of earlier runs, for callers that run the same plan many times. Without it, this run makes its own. */
  readonly states?: BootStates;
}

/**
 * The outcome of `plan`. Both machines run at the same time, each in its own worker.
 * @throws InputError, RigError. Errors of the guests are findings in the outcome.
 */
export async function runPlan(plan: Plan, deps: RunDeps): Promise<RunOutcome> {
  const steps = unroll(plan.steps);
  let begun = 0;
  const shared: TimelineDeps = {
    ...deps,
    states: deps.states ?? bootStates(),
    say: (what, fraction) => deps.say(what, fraction ?? begun++ / steps.length),
  };
  // Main and control run continue from a common state where that is as good as two machines.
  const split = hasEqualBoots(deps.booter.engine.traits) ? splitAtSuspend(plan.steps) : undefined;
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

/** Part of the name of a common state. It changes whenever the format of its notes changes. */
const NOTES_FORMAT = 4;

/**
 * The state before the first suspend, from which both runs continue; or the outcome, when the scenario ends before it.
 */
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
    return { state, reported: made !== undefined };
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    // Another run with the same states may have failed there. This run repeats the steps for its own evidence.
    return made && 'outcome' in made ? made : { outcome: await runTimeline(plan, plan.steps, deps) };
  }
}

/** Runs main and control in parallel, each in its own worker. When one throws, the other is ended. */
async function fork(plan: Plan, rest: readonly Step[], deps: TimelineDeps, from: Reached): Promise<RunOutcome> {
  const stop = new AbortController();
  const signal = deps.booter.signal ? AbortSignal.any([deps.booter.signal, stop.signal]) : stop.signal;
  // People follow the main run. Output of the control run would mix with it.
  const { onConsole: _console, onWritten: _written, onProgress: _progress, ...quiet } = deps.booter;
  const aside = controlDeps({ ...deps, booter: { ...quiet, signal } });
  const control = plan.control ? runTimeline(controlPlan(plan), controlSteps(rest, true), aside, from) : undefined;
  // Its failure is handled below. Without this it would end the process while the main run is still running.
  control?.catch(() => undefined);
  try {
    return outcomeOf(await runTimeline(plan, rest, deps, from), await control);
  } catch (error) {
    stop.abort(error);
    await control?.catch(() => undefined);
    throw error;
  }
}

/**
 * Expected console lines may come from a suspend or from a live timeline. So they are allowed in the control run, but
 * not required.
 */
function controlPlan(plan: Plan): Plan {
  if (!plan.console) return plan;
  const { expect, allow } = plan.console;
  return { ...plan, console: { expect: [], allow: [...expect, ...allow] } };
}

const controlDeps = ({
  onMachine: _,
  onPowerOn: _powerOn,
  onEvidence: _evidence,
  onFault: _fault,
  pause: _pause,
  ...deps
}: TimelineDeps): TimelineDeps => ({
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

/**
 * Compares the control run with the main run. A check that fails in both is no fault of the suspend, but still a fault
 * of the guest.
 */
export function compareWithControl(main: TimelineOutcome, control: TimelineOutcome): readonly Finding[] {
  const inControl = control.findings.map(inControlRun);
  // A main run that ended early has not verified its self-checks. The outcome shows this.
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
