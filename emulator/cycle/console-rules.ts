// SPDX-License-Identifier: MIT
/** A console judged by what its scenario expects and allows it to show. */
import { faultLines } from '../console/faults.js';
import { consoleLines } from '../console/lines.js';
import type { Finding } from './outcome.js';
import { matchesLine, type Matcher } from './pattern.js';
import type { ConsoleRules, Plan, Step } from './plan.js';
import type { Proofs } from './proofs.js';

export interface ConsoleJudge {
  readonly proofs: Pick<Proofs, 'console'>;
  readonly matcher: Matcher;
}

const ORIGIN = 'the console';

/** The rules of a plan. What a refusal that it expects says on the console is no fault either. */
export function consoleRulesOf({ console, steps }: Pick<Plan, 'console' | 'steps'>): ConsoleRules {
  const { expect, allow } = console ?? { expect: [], allow: [] };
  return { expect, allow: [...allow, ...refusalsIn(steps)] };
}

const refusalsIn = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap((step) => {
    if (step.do === 'repeat') return refusalsIn(step.steps);
    return step.do === 'suspend' && step.refusal ? [step.refusal.refused] : [];
  });

/**
 * Kernel faults that the rules do not allow, and lines that they expect and that did not come.
 * @throws InputError when a pattern is one whose search does not end.
 */
export async function judgeConsole(
  console: Uint8Array,
  { expect, allow }: ConsoleRules,
  { proofs, matcher }: ConsoleJudge,
): Promise<readonly Finding[]> {
  const lines = consoleLines(console);
  const allowed = new Set<number>();
  for (const index of expect.length + allow.length === 0 ? [] : faultLines(lines)) {
    const line = lines[index] ?? '';
    for (const pattern of [...expect, ...allow]) {
      if (!(await matchesLine(pattern, [line], ORIGIN, matcher))) continue;
      allowed.add(index);
      break;
    }
  }
  const missing: Finding[] = [];
  for (const pattern of expect) {
    if (await matchesLine(pattern, lines, ORIGIN, matcher)) continue;
    missing.push({
      kind: 'console',
      what: `no line of the console matches /${pattern}/, which the scenario expects`,
      details: lines.slice(-LAST_LINES),
    });
  }
  return [...proofs.console(console, allowed), ...missing];
}

/** Of the console, these are shown beside what did not come. */
const LAST_LINES = 25;
