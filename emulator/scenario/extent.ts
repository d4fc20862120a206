// SPDX-License-Identifier: MIT
/** Checks the number of steps of a scenario and its last time of day, before `repeat` is unrolled. */
import type { Step } from '../cycle/plan.js';

/**
 * Upper bound of the steps of a scenario with each `repeat` written out. A step takes a machine at least some
 * milliseconds.
 */
export const STEPS_MAX = 100_000;

/** A machine's real-time clock has two digits for the year. Linux reads them as 1970 to 2069. */
export const WALL_CLOCK_MS_MAX = Date.UTC(2070, 0, 1) - 1;

/** A problem of a step, and its place in the list of steps. */
export interface StepProblem {
  readonly path: readonly (string | number)[];
  readonly problem: string;
}

const grouped = (count: number): string => count.toLocaleString('en-US');

/** The place at which `steps` become too many. */
export function tooManySteps(steps: readonly Step[]): StepProblem | undefined {
  const counted = countSteps(steps, []);
  return typeof counted === 'number' ? undefined : counted;
}

function countSteps(steps: readonly Step[], path: StepProblem['path']): number | StepProblem {
  let count = 0;
  for (const [index, step] of steps.entries()) {
    const own = step.do === 'repeat' ? countSteps(step.steps, [...path, index, 'repeat', 'steps']) : 1;
    if (typeof own !== 'number') return own;
    const times = step.do === 'repeat' ? step.times : 1;
    count += own * times;
    if (count <= STEPS_MAX) continue;
    const before = count - own * times;
    return {
      path: step.do === 'repeat' ? [...path, index, 'repeat', 'times'] : [...path, index],
      problem:
        `${grouped(times)} times ${grouped(own)} steps${before === 0 ? '' : `, and ${grouped(before)} before them,`} are ` +
        `${grouped(count)}; a scenario may have ${grouped(STEPS_MAX)} steps with each \`repeat\` written out`,
    };
  }
  return count;
}

/**
 * The place at which the time of day exceeds the range of a real-time clock. `steps` must have been checked by
 * `tooManySteps`.
 */
export function clockOverrun(steps: readonly Step[], wallClockMs: number): StepProblem | undefined {
  let nowMs = wallClockMs;
  for (const [index, step] of steps.entries()) {
    nowMs += offMsOf(step);
    if (nowMs > WALL_CLOCK_MS_MAX)
      return {
        path: [index],
        problem:
          `with this off-time the machine's clock passes the end of ${new Date(WALL_CLOCK_MS_MAX).getUTCFullYear()}, ` +
          'the last year that it can show: shorten `offTime`, or begin earlier by `machine: { wallClock: ... }`',
      };
  }
  return undefined;
}

function offMsOf(step: Step): number {
  if (step.do === 'repeat') return step.times * step.steps.reduce((sum, inner) => sum + offMsOf(inner), 0);
  return step.do === 'suspend' && !step.refusal ? step.offMs : 0;
}
