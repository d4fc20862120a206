// SPDX-License-Identifier: MIT
/** `snapback merge`: one report of what the shards of a validation have found. */
import { caches } from '../../emulator/host/node/artifacts/context.js';
import { missingFrom, validationOf } from '../../emulator/validate/plan.js';
import { renderCell, renderHead, renderVerdict } from '../../emulator/validate/text.js';
import { EXIT } from '../../emulator/machine/errors.js';
import type { ReportOptions } from '../run/last-validation.js';
import { collectResults } from '../run/results-folder.js';
import { replayIn } from '../run/validate.js';
import { verdictStatus } from './bisect-exit.js';
import { settleFiles } from './report-files.js';
import { reportsToStdout, writeReports } from './validate.js';

/** The exit status is that of the validation, and that of a failure of Snapback when results are missing. */
export async function mergeCommand(dirs: readonly string[], given: ReportOptions): Promise<number> {
  const options = await settleFiles(given);
  const { plan, results, states } = await collectResults(dirs);
  const replayOf = replayIn(caches(), plan);
  const { notRun } = validationOf(plan, results, replayOf);
  const missing = missingFrom(plan, notRun, states);
  const validation = validationOf(plan, results, replayOf, missing);
  const print = (text: string): void => (reportsToStdout(options) ? console.error(text) : console.log(text));
  print(renderHead(plan));
  for (const cell of validation.cells) print(renderCell(cell));
  print(renderVerdict(validation));
  if (missing) print([`  ${missing.reason}:`, ...missing.details.map((line) => `    ${line}`)].join('\n'));
  await writeReports(validation, { plan, results: new Map(results) }, options);
  return validation.verdict === 'unfinished' ? EXIT.rigFailed : verdictStatus(validation.verdict, false);
}
