// SPDX-License-Identifier: MIT
/** What a validation takes, as data and as text. */
import { ratio, summarize, type Summary } from '../statistics.js';
import { indent, quotient, renderTable, seconds } from '../table.js';
import { aimText, judge, meets, type Aim, type Verdict } from '../verdict.js';
import { POOL_SEEDS, type PoolSample, type ValidateSample } from './measure.js';

export const VALIDATE_AIMS = {
  /** From the command to the first verdict. */
  firstSeconds: { atMost: 180 },
  /** From the command to its end. */
  quickSeconds: { atMost: 300 },
  /** Time one by one over time side by side. */
  pool: { atLeast: 1.8 },
} as const satisfies Record<string, Aim>;

export interface ValidateResult {
  readonly firstVerdictMs: Summary;
  readonly quickMs: Summary;
  readonly sideBySideMs: Summary;
  readonly oneByOneMs: Summary;
  /** Cells a minute side by side, over those one by one. */
  readonly pool: Verdict;
  readonly met: { readonly firstSeconds: boolean; readonly quickSeconds: boolean };
}

export function validateResult(quick: readonly ValidateSample[], pool: readonly PoolSample[]): ValidateResult {
  const [first, whole] = [
    summarize(quick.map(({ firstVerdictMs }) => firstVerdictMs)),
    summarize(quick.map(({ quickMs }) => quickMs)),
  ];
  const [oneByOne, sideBySide] = [
    pool.map(({ oneByOneMs }) => oneByOneMs),
    pool.map(({ sideBySideMs }) => sideBySideMs),
  ];
  return {
    firstVerdictMs: first,
    quickMs: whole,
    sideBySideMs: summarize(sideBySide),
    oneByOneMs: summarize(oneByOne),
    pool: judge(ratio(oneByOne, sideBySide), VALIDATE_AIMS.pool),
    met: {
      firstSeconds: meets(VALIDATE_AIMS.firstSeconds, first.median / 1000),
      quickSeconds: meets(VALIDATE_AIMS.quickSeconds, whole.median / 1000),
    },
  };
}

export function renderValidate({ firstVerdictMs, quickMs, sideBySideMs, oneByOneMs, pool }: ValidateResult): string {
  const cells = POOL_SEEDS.length;
  return [
    'Validation: a patch of one line to kernel/power that nobody has validated, by whole processes; the tree is compiled, and the cells',
    'without the patch are in the cache',
    indent(
      renderTable(
        ['', 'time', 'aim'],
        [
          ['patch to the first verdict', seconds(firstVerdictMs), aim('firstSeconds', firstVerdictMs)],
          ['the matrix quick', seconds(quickMs), aim('quickSeconds', quickMs)],
          [`${cells} cells side by side`, seconds(sideBySideMs), ''],
          [`${cells} cells one by one, by snapback run`, seconds(oneByOneMs), ''],
        ],
      ),
    ),
    indent(`one by one over side by side ${quotient(pool.ratio)}, ${aimText(pool.aim, pool.ratio.ofMedians)}`),
  ].join('\n');
}

const aim = (name: 'firstSeconds' | 'quickSeconds', { median }: Summary): string =>
  aimText(VALIDATE_AIMS[name], median / 1000);
