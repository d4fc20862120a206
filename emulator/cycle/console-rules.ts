// SPDX-License-Identifier: MIT
/** Judges a console by the patterns that its scenario expects and allows. */
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

/** The rules of a plan. Console messages of an expected refusal are allowed, too. */
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
 * Findings for kernel faults that the rules do not allow, and for expected lines that are missing.
 * @throws InputError when the search for a pattern does not end.
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

/** Number of console lines that a finding about a missing line shows. */
const LAST_LINES = 25;
