// SPDX-License-Identifier: MIT
/** Drives one machine, over all its power cycles, through the steps of a plan. */
import { GuestError } from '../machine/errors.js';
import type { BootState } from './boot-state.js';
import { consoleRulesOf, judgeConsole } from './console-rules.js';
import { Evidence, type EvidenceNotes } from './evidence.js';
import { Machines } from './machines.js';
import type { TimelineOutcome } from './outcome.js';
import { unroll, type Plan, type Proof, type SimpleStep, type Step } from './plan.js';
import { boot } from './steps/boot.js';
import { collectBackgroundAtEnd, notesOf, start, restoreBackground } from './steps/background.js';
import { run, selfCheck } from './steps/commands.js';
import type { BackgroundNotes, StepContext, TimelineDeps } from './steps/context.js';
import { recordFailure } from './steps/failure.js';
import { pause } from './steps/pause.js';
import { cutPower, shutDown } from './steps/power.js';
import { resume } from './steps/resume.js';
import { suspend } from './steps/suspend.js';
import { verify } from './steps/verify.js';

/** The state from which a timeline continues another one. */
export interface Reached {
  readonly state: BootState;
  /** True: it was reached in this run, so the listeners have already got its findings. */
  readonly reported: boolean;
}

/**
 * Runs `steps`. Errors of the guest are findings in the outcome. The scenario ends when the guest does not reach an
 * awaited point, or when a command without `continue` fails. The outcome then names the steps that were not run. A
 * resume that succeeded before is still verified. With `from`, the machine continues from that state.
 */
export async function runTimeline(
  plan: Plan,
  steps: readonly Step[],
  deps: TimelineDeps,
  from?: Reached,
): Promise<TimelineOutcome> {
  const context = contextOf(plan, deps);
  try {
    if (from) await endOnGuestError(context, () => restoreTimeline(context, from));
    const all = unroll(plan.steps).length;
    const now = unroll(steps);
    await goThrough(context, now, all - now.length);
    if (!context.over) await pause(context, 'the end of the scenario', { step: all, part: 0 });
    await collectBackgroundAtEnd(context);
    return await outcomeOf(context);
  } finally {
    await close(context);
  }
}

/**
 * Runs `steps`, none of which turns the machine off, and returns its state. When the scenario ends in them, it returns
 * the outcome, which lists `rest` as not run, too.
 */
export async function reachState(
  plan: Plan,
  steps: readonly Step[],
  rest: readonly Step[],
  deps: TimelineDeps,
): Promise<{ readonly state: BootState } | { readonly outcome: TimelineOutcome }> {
  const context = contextOf(plan, deps);
  try {
    await goThrough(context, unroll(steps), 0);
    if (context.over) {
      for (const step of unroll(rest)) skip(context, step);
      await collectBackgroundAtEnd(context);
      return { outcome: await outcomeOf(context) };
    }
    const { recorder } = context.machines;
    const checkpoint = await recorder.machine.checkpoint();
    return {
      state: {
        checkpoint,
        seen: recorder.seen(),
        notes: { ...context.evidence.notes(), background: notesOf(context) },
      },
    };
  } finally {
    await close(context);
  }
}

/** `first`: number of the first of `steps`; see `Moment`. */
async function goThrough(context: StepContext, steps: readonly SimpleStep[], first: number): Promise<void> {
  for (const [index, step] of steps.entries()) {
    context.stepNumber = first + index;
    if (isSkipped(context, step)) skip(context, step);
    else await endOnGuestError(context, () => perform(context, step, steps.slice(index + 1)));
    context.machines.show();
  }
}

/** Runs `work`. A `GuestError` becomes a finding and ends the scenario. */
async function endOnGuestError(context: StepContext, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    recordFailure(context, error);
  }
}

/** After the scenario has ended, only a `verify` of a finished resume is run. It does not need the guest. */
const isSkipped = ({ over, resumed }: StepContext, step: SimpleStep): boolean =>
  over && !(step.do === 'verify' && resumed);

function skip(context: StepContext, step: SimpleStep): void {
  // A `verify` after this one means another suspend.
  if (step.do === 'suspend') context.resumed = undefined;
  context.evidence.skip(context.deps.timeline ?? 'main', titleOf(step));
}

/** `ahead`: the steps that follow, for proofs that can begin early. */
async function perform(context: StepContext, step: SimpleStep, ahead: readonly SimpleStep[]): Promise<void> {
  const { deps } = context;
  deps.booter.signal?.throwIfAborted();
  await pause(context, titleOf(step), { step: context.stepNumber, part: 0 });
  context.step = titleOf(step);
  deps.say(context.step);
  switch (step.do) {
    case 'boot':
      return boot(context, step);
    case 'run':
      return run(context, step);
    case 'start':
      return start(context, step);
    case 'selfcheck':
      return selfCheck(context, step);
    case 'suspend':
      return suspend(context, step, proofsAhead(ahead));
    case 'cutPower':
      return cutPower(context);
    case 'resume':
      return resume(context, step, proofsAhead(ahead));
    case 'verify':
      return verify(context, step);
    case 'shutdown':
      return shutDown(context, step);
  }
}

/** The title of a step in progress messages. */
function titleOf(step: SimpleStep): string {
  switch (step.do) {
    case 'run':
      return `run ${step.command}`;
    case 'start':
      return `start ${step.name}`;
    case 'selfcheck':
      return `self-checks: ${step.phase}`;
    case 'suspend':
      return `suspend (${step.method})${step.refusal ? ', to be refused' : ''}`;
    case 'cutPower':
      return 'cut power';
    case 'resume':
      return 'resume in a new machine';
    case 'shutdown':
      return 'shut down';
    case 'boot':
    case 'verify':
      return step.do;
  }
}

/** The proofs that these steps ask for of the suspend before them. */
function proofsAhead(steps: readonly SimpleStep[]): readonly Proof[] {
  for (const step of steps) {
    if (step.do === 'suspend' && !step.refusal && step.then !== 'commit') return [];
    if (step.do === 'verify') return step.proofs;
  }
  return [];
}

function contextOf(plan: Plan, deps: TimelineDeps): StepContext {
  return {
    plan,
    deps,
    machines: new Machines(deps),
    evidence: new Evidence(deps),
    underWay: [],
    offSinceStartMs: 0,
    suspendingSinceStartMs: 0,
    suspended: undefined,
    resumed: undefined,
    copied: undefined,
    restoredLayout: undefined,
    background: [],
    step: '',
    stepNumber: 0,
    over: false,
    failed: false,
  };
}

/** Continues in a new machine from the state that `reachState` returned. */
async function restoreTimeline(context: StepContext, { state, reported }: Reached): Promise<void> {
  const { deps, evidence, machines } = context;
  const notes = state.notes as EvidenceNotes & { readonly background: readonly BackgroundNotes[] };
  // Findings from before main and control separate are reported once.
  if (deps.timeline === 'control') evidence.addSelfChecks(notes.selfChecks);
  else evidence.restore(notes, reported);
  await machines.restore(state);
  context.background = restoreBackground(machines.agent, notes.background);
}

async function outcomeOf({ plan, deps, machines, evidence }: StepContext): Promise<TimelineOutcome> {
  if (machines.isOn) machines.powerOff();
  const { total, console } = machines.off;
  evidence.addFindings(await judgeConsole(console, consoleRulesOf(plan), deps));
  return { ...evidence.collected, total, stateHash: await machines.stateHash(), console };
}

async function close({ machines, underWay }: StepContext): Promise<void> {
  await machines.close();
  // All work ends with the run, even if there is no verdict.
  await Promise.allSettled(underWay);
}
