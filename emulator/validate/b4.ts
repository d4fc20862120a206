// SPDX-License-Identifier: MIT
/**
 * A validation for the checks of `b4 review`, which sends a mail to a command and reads a JSON list of these results. For one mail, b4
 * keeps one result of each tool.
 */
import { counted } from '../report/numbers.js';
import { remarkLines, remarksOf, remarksTitle } from './remarks.js';
import { countText, renderCell } from './text.js';
import type { Validation } from './validation.js';

export interface B4Result {
  readonly tool: 'snapback-build' | 'snapback';
  readonly status: 'pass' | 'warn' | 'fail';
  /** One line. */
  readonly summary: string;
  /** Line by line. */
  readonly details?: string;
}

/** What is said of a kernel that was made, and of its cells. */
export function b4Results(validation: Validation): readonly B4Result[] {
  const { buildFailure, kernels } = validation;
  if (buildFailure) return [result('snapback-build', 'fail', buildFailure.where, buildFailure.details)];
  if (!kernels) return [notJudged(validation.ended ?? { reason: 'no kernel was built', details: [] })];
  const remarks = remarksOf(validation);
  const said = remarks.map(remarksTitle).join(', ');
  return [
    result(
      'snapback-build',
      remarks.length === 0 ? 'pass' : 'warn',
      `the kernel builds, with ${said === '' ? 'no warnings' : said}`,
      remarkLines(validation),
    ),
    cellsResult(validation),
  ];
}

function cellsResult(validation: Validation): B4Result {
  const { verdict, cells, notRun, ended, matrix, patches } = validation;
  const isWorse = cells.some(({ figures }) => figures.some(({ is }) => is === 'worse'));
  const status = verdict === 'broken' ? 'fail' : verdict === 'unfinished' || isWorse ? 'warn' : 'pass';
  const telling = cells.filter(
    ({ change, figures }) => change !== 'unchanged' || figures.some(({ is }) => is !== 'same'),
  );
  // The mail of a series is its cover letter, which does not tell what was judged.
  const what = patches.length > 1 ? `${counted(patches.length, 'patch')}, ` : '';
  return result('snapback', status, `${what}matrix ${matrix}, ${countText(validation)}`, [
    ...telling.flatMap((cell) => renderCell(cell).split('\n')),
    ...(notRun.length > 0 ? [`not run: ${notRun.join('; ')}`] : []),
    ...(ended ? [ended.reason, ...ended.details] : []),
  ]);
}

/** Nothing is known about the patches, for this reason. */
export const notJudged = ({ reason, details }: NonNullable<Validation['ended']>): B4Result =>
  result('snapback', 'warn', `not judged: ${reason.split('\n', 1)[0] ?? ''}`, [
    ...reason.split('\n').slice(1),
    ...details,
  ]);

const result = (
  tool: B4Result['tool'],
  status: B4Result['status'],
  summary: string,
  details: readonly string[],
): B4Result => ({ tool, status, summary, ...(details.length > 0 && { details: details.join('\n') }) });

/** As b4 reads it. */
export const renderB4 = (results: readonly B4Result[]): string => `${JSON.stringify(results, null, 2)}\n`;
