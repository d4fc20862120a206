// SPDX-License-Identifier: MIT
/**
 * A mutant: a patch with a mistake, and what must find it. Its message ends with these lines, each of which may be repeated:
 *
 *     Scenario: NAME     a scenario of test/scenarios that is run on it
 *     Kills: PATTERN     a regular expression; a line of a finding must match it, as `kind: what: detail`
 *
 * `Kills: nothing` is a patch without a mistake, in which nothing may be found.
 */
import type { Finding } from '../cycle/outcome.js';
import type { CellResult } from './cell.js';

export interface Mutant {
  readonly name: string;
  readonly scenarios: readonly string[];
  /** Empty for a patch without a mistake. */
  readonly kills: readonly RegExp[];
}

const NOTHING = 'nothing';

/** The mutant in `text`, or what is wrong with its head. */
export function readMutant(name: string, text: string): Mutant | { readonly problem: string } {
  const head = text.split(/^---$/m, 1)[0] ?? '';
  const values = (key: string): readonly string[] =>
    [...head.matchAll(new RegExp(`^${key}: *(.+)$`, 'gm'))].map(([, value]) => value ?? '');
  const scenarios = values('Scenario');
  if (scenarios.length === 0) return { problem: "its message has no line 'Scenario: NAME'" };
  const patterns = values('Kills');
  if (patterns.length === 0) return { problem: "its message has no line 'Kills: PATTERN'" };
  if (patterns.includes(NOTHING))
    return patterns.length > 1
      ? { problem: `its message has 'Kills: ${NOTHING}' and a pattern besides` }
      : { name, scenarios, kills: [] };
  const kills: RegExp[] = [];
  for (const pattern of patterns) {
    try {
      kills.push(new RegExp(pattern));
    } catch (error) {
      return { problem: `the pattern '${pattern}' is no regular expression: ${(error as Error).message}` };
    }
  }
  return { name, scenarios, kills };
}

/** A finding as the patterns see it: a line for each line of its evidence, at least one. */
const findingLines = ({ kind, what, details }: Finding): readonly string[] =>
  (details.length === 0 ? [''] : details).map((detail) => `${kind}: ${what}: ${detail}`);

/** Why the mutant was not killed as its head says, line by line; empty when it was. `results`: those of its scenarios. */
export function whySurvived({ kills }: Mutant, results: readonly Pick<CellResult, 'findings'>[]): readonly string[] {
  const lines = results.flatMap(({ findings }) => findings.map(findingLines));
  const found = lines.flatMap(([first = '']) => first);
  if (kills.length === 0) return found.map((line) => `found, although there is no mistake: ${line}`);
  const missing = kills.filter((pattern) => !lines.flat().some((line) => pattern.test(line)));
  if (missing.length === 0) return [];
  return [
    ...missing.map((pattern) => `not found: ${pattern.source}`),
    ...(found.length === 0 ? ['nothing was found'] : found.map((line) => `found: ${line}`)),
  ];
}
