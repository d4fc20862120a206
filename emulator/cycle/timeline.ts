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
import { run, selfCheck, start } from './steps/commands.js';
import type { StepContext, TimelineDeps } from './steps/context.js';
import { takeFailure } from './steps/failure.js';
import { cutPower, shutDown } from './steps/power.js';
import { resume } from './steps/resume.js';
import { suspend } from './steps/suspend.js';
import { verify } from './steps/verify.js';

/**
 * Goes through `steps`. What the guest gets wrong is in the outcome's findings. When it does not come to where it is awaited,
 * that is the last of them, and the steps after it are not done; a resumed system that does not answer is verified all the same.
 * With `from`, the machine stands there already.
 */
export async function runTimeline(
  plan: Plan,
  steps: readonly Step[],
  deps: TimelineDeps,
  from?: BootState,
): Promise<TimelineOutcome> {
  const context = contextOf(plan, deps);
  try {
    try {
      if (from) await takeUp(context, from);
      const all = unroll(steps);
      for (const [index, step] of all.entries()) await perform(context, step, all.slice(index + 1));
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      takeFailure(context, error);
    }
    return await outcomeOf(context);
  } finally {
    await close(context);
  }
}

/**
 * The state of a machine that has gone through `steps`, none of which turns it off.
 * @throws GuestError when the guest does not come to the end of them.
 */
export async function reachState(plan: Plan, steps: readonly Step[], deps: TimelineDeps): Promise<BootState> {
  const context = contextOf(plan, deps);
  try {
    for (const step of unroll(steps)) await perform(context, step, []);
    const { recorder } = context.machines;
    return {
      checkpoint: await recorder.machine.checkpoint(),
      seen: recorder.seen(),
      notes: context.evidence.notes(),
    };
  } finally {
    await close(context);
  }
}

/** `ahead`: the steps that follow, for what can be begun early. */
async function perform(context: StepContext, step: SimpleStep, ahead: readonly SimpleStep[]): Promise<void> {
  const { deps, lost, resumed } = context;
  deps.booter.signal?.throwIfAborted();
  if (lost && (step.do !== 'verify' || !resumed)) return;
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
    evidence: new Evidence(),
    underWay: [],
    offSinceStartMs: 0,
    suspendingSinceStartMs: 0,
    suspended: undefined,
    resumed: undefined,
    step: '',
    lost: false,
  };
}

/** Goes on where `reachState` ended, in another machine. */
async function takeUp({ evidence, machines }: StepContext, state: BootState): Promise<void> {
  evidence.takeUp(state.notes as EvidenceNotes);
  await machines.takeUp(state);
}

async function outcomeOf({ plan, deps, machines, evidence }: StepContext): Promise<TimelineOutcome> {
  if (machines.isOn) machines.powerOff();
  const { cycles, filesystems, selfChecks, commands, findings } = evidence;
  const stateHash = await machines.stateHash();
  const { total, console } = machines.off;
  findings.push(...(await judgeConsole(console, consoleRulesOf(plan), deps)));
  return { cycles, filesystems, selfChecks, commands, findings, total, stateHash, console };
}

async function close({ machines, underWay }: StepContext): Promise<void> {
  await machines.close();
  // Nothing outlives a run, also one that came to no verdict.
  await Promise.allSettled(underWay);
}
