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
import { lookAtTheEnd, notesOf, start, takeUpBackground } from './steps/background.js';
import { run, selfCheck } from './steps/commands.js';
import type { BackgroundNotes, StepContext, TimelineDeps } from './steps/context.js';
import { takeFailure } from './steps/failure.js';
import { cutPower, shutDown } from './steps/power.js';
import { resume } from './steps/resume.js';
import { suspend } from './steps/suspend.js';
import { verify } from './steps/verify.js';

/** Where a timeline begins that goes on from another. */
export interface Reached {
  readonly state: BootState;
  /** It was reached now: the listeners have been told of what was found on the way. */
  readonly told: boolean;
}

/**
 * Goes through `steps`. What the guest gets wrong is in the outcome's findings. When it does not come to where it is awaited, or
 * when a command fails that the rest relies on, the steps after it are not run, and the outcome names them; what has been
 * resumed by then is verified all the same. With `from`, the machine stands there already.
 */
export async function runTimeline(
  plan: Plan,
  steps: readonly Step[],
  deps: TimelineDeps,
  from?: Reached,
): Promise<TimelineOutcome> {
  const context = contextOf(plan, deps);
  try {
    if (from) await orEnd(context, () => takeUp(context, from));
    await goThrough(context, unroll(steps));
    await lookAtTheEnd(context);
    return await outcomeOf(context);
  } finally {
    await close(context);
  }
}

/**
 * The state of a machine that has gone through `steps`, none of which turns it off; or, when the scenario ends there, its outcome,
 * in which `rest` was not run either.
 */
export async function reachState(
  plan: Plan,
  steps: readonly Step[],
  rest: readonly Step[],
  deps: TimelineDeps,
): Promise<{ readonly state: BootState } | { readonly outcome: TimelineOutcome }> {
  const context = contextOf(plan, deps);
  try {
    await goThrough(context, unroll(steps));
    if (context.over) {
      for (const step of unroll(rest)) skip(context, step);
      await lookAtTheEnd(context);
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

async function goThrough(context: StepContext, steps: readonly SimpleStep[]): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (isSkipped(context, step)) skip(context, step);
    else await orEnd(context, () => perform(context, step, steps.slice(index + 1)));
  }
}

/** Does `work`. A guest that does not come to where it is awaited is a finding, and ends the scenario. */
async function orEnd(context: StepContext, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    takeFailure(context, error);
  }
}

/** Once the scenario is over, nothing is done but to verify what has been resumed, for which the guest is asked nothing. */
const isSkipped = ({ over, resumed }: StepContext, step: SimpleStep): boolean =>
  over && !(step.do === 'verify' && resumed);

function skip(context: StepContext, step: SimpleStep): void {
  // A `verify` after this one means another suspend.
  if (step.do === 'suspend') context.resumed = undefined;
  context.evidence.skip(context.deps.timeline ?? 'main', titleOf(step));
}

/** `ahead`: the steps that follow, for what can be begun early. */
async function perform(context: StepContext, step: SimpleStep, ahead: readonly SimpleStep[]): Promise<void> {
  const { deps } = context;
  deps.booter.signal?.throwIfAborted();
  context.step = titleOf(step);
  deps.say(context.step);
  switch (step.do) {
    case 'boot':
      return boot(context);
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

/** A step, for people who follow the run. */
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

/** What will be looked at of the suspend that is over when these steps begin. */
function proofsAhead(steps: readonly SimpleStep[]): readonly Proof[] {
  for (const step of steps) {
    if (step.do === 'suspend' && !step.refusal) return [];
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
    background: [],
    step: '',
    over: false,
    failed: false,
  };
}

/** Goes on where `reachState` ended, in another machine. */
async function takeUp(context: StepContext, { state, told }: Reached): Promise<void> {
  const { deps, evidence, machines } = context;
  const notes = state.notes as EvidenceNotes & { readonly background: readonly BackgroundNotes[] };
  // What was found before the two timelines parted is reported once.
  if (deps.timeline === 'control') evidence.addSelfChecks(notes.selfChecks);
  else evidence.takeUp(notes, told);
  await machines.takeUp(state);
  context.background = takeUpBackground(machines.agent, notes.background);
}

async function outcomeOf({ plan, deps, machines, evidence }: StepContext): Promise<TimelineOutcome> {
  if (machines.isOn) machines.powerOff();
  const { total, console } = machines.off;
  evidence.addFindings(await judgeConsole(console, consoleRulesOf(plan), deps));
  return { ...evidence.collected, total, stateHash: await machines.stateHash(), console };
}

async function close({ machines, underWay }: StepContext): Promise<void> {
  await machines.close();
  // Nothing outlives a run, also one that came to no verdict.
  await Promise.allSettled(underWay);
}
