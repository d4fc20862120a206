// SPDX-License-Identifier: MIT
/** Judges a console by the patterns that its scenario expects and allows. */
import { faultLines } from '../console/faults.js';
import type { FaultKind } from '../console/patterns.js';
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

/** Kinds of kernel messages with which a kernel refuses a suspend. The pattern of a refusal allows no other kinds. */
const REFUSAL_KINDS: ReadonlySet<FaultKind> = new Set<FaultKind>(['freezeRefused', 'suspendFailed']);

export interface JudgedRules extends ConsoleRules {
  /** Patterns of the expected refusals. They also allow messages of {@link REFUSAL_KINDS}. */
  readonly refusals: readonly string[];
}

/** The rules of a plan. Messages of an expected refusal are allowed, too. */
export function consoleRulesOf({ console, steps }: Pick<Plan, 'console' | 'steps'>): JudgedRules {
  return { ...(console ?? { expect: [], allow: [] }), refusals: refusalsIn(steps) };
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
  { expect, allow, refusals }: JudgedRules,
  { proofs, matcher }: ConsoleJudge,
): Promise<readonly Finding[]> {
  const lines = consoleLines(console);
  const allowed = new Set<number>();
  const always = [...expect, ...allow];
  for (const { index, kind } of faultLines(lines)) {
    const line = lines[index] ?? '';
    for (const pattern of REFUSAL_KINDS.has(kind) ? [...always, ...refusals] : always) {
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
