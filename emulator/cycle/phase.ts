// SPDX-License-Identifier: MIT
/** Checks the order of steps by a small state machine for the machine and its disks. */
import { endsOff, type SimpleStep, type Step } from './plan.js';

/**
 * `off`: no power, after a shutdown or a power cut. `suspended`: off with an image on disk.
 * `resumeCut`: the same after a resume that a power cut has ended, maybe when the restored system was running.
 * `running`: the agent answers. `resumed`: running after a resume or a rollback that has not been verified.
 */
export type Phase = 'off' | 'running' | 'suspended' | 'resumeCut' | 'resumed';

/** The phase after `step`, or a sentence that says why the step is not possible here. */
export function advance(phase: Phase, step: SimpleStep): Phase | { readonly problem: string } {
  switch (step.do) {
    case 'boot':
      return phase === 'off' || isSuspended(phase)
        ? endsOff(step)
          ? 'off'
          : 'running'
        : no(step, 'the machine is running', 'shut it down or cut its power first');
    case 'run':
    case 'start':
    case 'selfcheck':
      return isOn(phase) ? phase : no(step, isOff(phase), 'boot it first');
    case 'suspend':
      if (!isOn(phase)) return no(step, isOff(phase), 'boot it first');
      if (step.refusal) return phase;
      if (step.faults.some(({ fault }) => fault === 'cutPower')) return 'off';
      if (step.then === 'commit') return 'running';
      return step.then === 'rollback' ? 'resumed' : 'suspended';
    case 'cutPower':
      return isOn(phase) ? 'off' : no(step, isOff(phase), 'boot it first');
    case 'resume':
      if (!isSuspended(phase)) return no(step, 'nothing is suspended', 'put `suspend` before it');
      // A resume with a power cut may be tried again. The next step shows whether the image is still valid.
      return step.faults.some(({ fault }) => fault === 'cutPower') ? 'resumeCut' : 'resumed';
    case 'verify':
      // What is needed for it is released then.
      if (phase === 'resumed') return 'running';
      return phase === 'resumeCut'
        ? 'suspended'
        : no(step, 'there is no resume that has not been verified', 'put `suspend` and `resume` before it');
    case 'shutdown':
      return isOn(phase) ? 'off' : no(step, isOff(phase), 'boot it first');
  }
}

const isOn = (phase: Phase): boolean => phase === 'running' || phase === 'resumed';
const isSuspended = (phase: Phase): boolean => phase === 'suspended' || phase === 'resumeCut';
const isOff = (phase: Phase): string => (isSuspended(phase) ? 'the machine is suspended' : 'the machine is off');
const no = (step: SimpleStep, why: string, remedy: string): { problem: string } => ({
  problem: `cannot ${verb(step)} here: ${why}; ${remedy}`,
});

function verb(step: SimpleStep): string {
  if (step.do === 'cutPower') return 'cut power';
  if (step.do === 'selfcheck') return 'run self-checks';
  return step.do === 'shutdown' ? 'shut down' : step.do;
}

/** The steps that break the order, as paths into the list. */
export function orderProblems(
  steps: readonly Step[],
  from: Phase = 'off',
): {
  readonly end: Phase;
  readonly problems: readonly { readonly path: readonly (string | number)[]; readonly problem: string }[];
} {
  const problems: { path: readonly (string | number)[]; problem: string }[] = [];
  let phase = from;
  for (const [index, step] of steps.entries()) {
    if (step.do === 'repeat') {
      // The second round begins where the first ends: both must fit.
      for (let round = 0; round < Math.min(step.times, 2); round++) {
        const inner = orderProblems(step.steps, phase);
        if (inner.problems.length > 0) {
          problems.push(
            ...inner.problems.map(({ path, problem }) => ({ path: [index, 'repeat', 'steps', ...path], problem })),
          );
          break;
        }
        phase = inner.end;
      }
      continue;
    }
    const next = advance(phase, step);
    if (typeof next === 'string') phase = next;
    else problems.push({ path: [index], problem: next.problem });
  }
  return { end: phase, problems };
}
