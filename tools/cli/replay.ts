// SPDX-License-Identifier: MIT
/** `snapback replay`: does the run of a JSON report again and compares. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { loadScenario } from '../run/scenario-file.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { readReport } from '../../emulator/report/read.js';
import type { CommandContext } from './context.js';
import { settleFiles } from './report-files.js';
import { hasColour, print, runOne, writeReports, type RunOptions } from './run.js';

/** What reports say whose run kept no state of any machine: SHA-256 over nothing. */
const EMPTY_STATE = createHash('sha256').digest('hex');

export async function replayCommand(file: string, given: RunOptions, { signal }: CommandContext): Promise<number> {
  const before = await loadReport(file);
  const scenarioFile = before.scenario.file;
  if (scenarioFile === null)
    throw new InputError(`${file} is of a run that no scenario file describes`, {
      remedy: 'run the program again that wrote it',
    });
  if (before.stateHash === EMPTY_STATE)
    throw new InputError(
      `${file} holds no state: no machine left any, so there is nothing that a replay could compare`,
      {
        remedy: 'make a report by this version: `snapback run --json FILE`',
      },
    );
  const { kernel } = before.options;
  const scenario = await loadScenario(scenarioFile, {
    seed: before.seed,
    ...(typeof kernel === 'string' && { kernel }),
  });
  if (scenario.sha256 !== before.scenario.sha256) {
    throw new InputError(
      `${scenarioFile}, or a file that it copies into the guest, is no longer what ${file} was made of`,
      { remedy: 'bring it back, or run it anew: `snapback run`' },
    );
  }
  const options = await settleFiles(given);
  const run = await runOne(scenario, options, signal);
  print(renderText(run.report, { colour: hasColour(options) }), options);
  await writeReports([run], options);
  const differences = compareReports(before, run.report);
  print('', options);
  if (differences.length === 0) {
    print(`  the same run: state ${before.stateHash.slice(0, 16)} again`, options);
    return before.verdict === 'pass' ? EXIT.pass : EXIT.guestFailed;
  }
  print(['  not the same run:', ...differences.map((line) => `      ${line}`)].join('\n'), options);
  return EXIT.rigFailed;
}

/** Where two reports of what should be one run differ. Empty when the machine went through the same states. */
export function compareReports(before: Report, after: Report): readonly string[] {
  if (
    before.stateHash === after.stateHash &&
    before.instructions === after.instructions &&
    (before.controlRun === undefined || before.controlRun.stateHash === after.controlRun?.stateHash) &&
    before.verdict === after.verdict
  )
    return [];
  const names = [...new Set([...Object.keys(before.artifacts), ...Object.keys(after.artifacts)])];
  const differs = (what: string, was: unknown, is: unknown): readonly string[] =>
    was === is ? [] : [`${what}: ${String(was)}, now ${String(is)}`];
  return [
    ...names.flatMap((name) =>
      differs(`artifact '${name}'`, before.artifacts[name]?.slice(0, 16), after.artifacts[name]?.slice(0, 16)),
    ),
    ...Object.keys(after.packages).flatMap((name) =>
      differs(`version of ${name}`, before.packages[name], after.packages[name]),
    ),
    ...differs('verdict', before.verdict, after.verdict),
    ...differs('instructions', before.instructions, after.instructions),
    ...differs('state', before.stateHash.slice(0, 16), after.stateHash.slice(0, 16)),
    ...(before.controlRun === undefined
      ? []
      : differs(
          'state of the control run',
          before.controlRun.stateHash.slice(0, 16),
          after.controlRun?.stateHash.slice(0, 16),
        )),
  ];
}

async function loadReport(file: string): Promise<Report> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new InputError(`cannot read the report ${file}`, {
      cause,
      remedy: 'give the path of a file that `--json` wrote',
    });
  }
  const read = readReport(text);
  if ('problem' in read)
    throw new InputError(`${file} is no report: ${read.problem}`, {
      remedy: 'give a file that `snapback run --json` wrote',
    });
  return read.report;
}
