// SPDX-License-Identifier: MIT
/** `snapback replay`: does the run of a JSON report again and compares. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ScenarioRun } from '../run/run-scenario.js';
import { loadScenario, type LoadedScenario } from '../run/scenario-file.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { readReports } from '../../emulator/report/read.js';
import type { CommandContext } from './context.js';
import { settleFiles } from './report-files.js';
import { hasColour, print, runOne, writeReports, type RunOptions } from './run.js';

/** What reports say whose run kept no state of any machine: SHA-256 over nothing. */
const EMPTY_STATE = createHash('sha256').digest('hex');

/** Of a list of reports each run is done again, and the exit status is that of the worst. */
export async function replayCommand(file: string, given: RunOptions, { signal }: CommandContext): Promise<number> {
  const wanted: { readonly before: Report; readonly scenario: LoadedScenario }[] = [];
  // All are looked at before the first is run.
  for (const before of await loadReports(file)) wanted.push({ before, scenario: await scenarioOf(before, file) });
  const options = await settleFiles(given);
  const runs: ScenarioRun[] = [];
  const ends: number[] = [];
  try {
    for (const { before, scenario } of wanted) {
      const run = await runOne(scenario, options, signal);
      if (runs.length > 0) print('', options);
      print(renderText(run.report, { colour: hasColour(options) }), options);
      runs.push(run);
      ends.push(sayComparison(before, run.report, options));
    }
  } finally {
    if (runs.length > 0) await writeReports(runs, options);
  }
  return Math.max(...ends);
}

/** Says whether it was the same run, and answers the exit status. */
function sayComparison(before: Report, after: Report, options: RunOptions): number {
  const differences = compareReports(before, after);
  print('', options);
  if (differences.length === 0) {
    print(`  the same run: state ${before.stateHash.slice(0, 16)} again`, options);
    return before.verdict === 'pass' ? EXIT.pass : EXIT.guestFailed;
  }
  print(['  not the same run:', ...differences.map((line) => `      ${line}`)].join('\n'), options);
  return EXIT.rigFailed;
}

/**
 * The scenario that a report of `reportFile` is of, as it was.
 * @throws InputError when it is not there any longer, or there is nothing that could be compared.
 */
async function scenarioOf(before: Report, reportFile: string): Promise<LoadedScenario> {
  const { file, sha256 } = before.scenario;
  if (file === null)
    throw new InputError(`${reportFile} is of a run that no scenario file describes`, {
      remedy: 'run the program again that wrote it',
    });
  if (before.stateHash === EMPTY_STATE)
    throw new InputError(
      `${reportFile} holds no state: no machine left any, so there is nothing that a replay could compare`,
      {
        remedy: 'make a report by this version: `snapback run --json FILE`',
      },
    );
  const { kernel } = before.options;
  const paths = scenarioPaths(before.scenario, reportFile, process.cwd());
  const there = paths.filter((path) => existsSync(path));
  for (const path of there.length > 0 ? there : paths.slice(0, 1)) {
    const scenario = await loadScenario(path, { seed: before.seed, ...(typeof kernel === 'string' && { kernel }) });
    if (scenario.sha256 === sha256) return scenario;
  }
  throw new InputError(
    `${there.join(' and ')}, or a file that it copies into the guest, is no longer what ${reportFile} was made of`,
    { remedy: 'bring it back, or run it anew: `snapback run`' },
  );
}

/**
 * Where the scenario of a report may be: seen from the folder in which the run was started, from the present one, and from that of
 * the report. A path that is the same as on the command line stays as it is.
 */
export function scenarioPaths(
  { file, directory }: Report['scenario'],
  reportFile: string,
  workingDir: string,
): readonly string[] {
  if (file === null) return [];
  const from = [...(directory === undefined ? [] : [directory]), workingDir, resolve(workingDir, dirname(reportFile))];
  const paths = from.map((folder) => resolve(folder, file));
  return [...new Set(paths)].map((path) => (path === resolve(workingDir, file) ? file : path));
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

async function loadReports(file: string): Promise<readonly Report[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new InputError(`cannot read the report ${file}`, {
      cause,
      remedy: 'give the path of a file that `--json` wrote',
    });
  }
  const read = readReports(text);
  if ('problem' in read)
    throw new InputError(`${file} is no report: ${read.problem}`, {
      remedy: 'give a file that `snapback run --json` wrote',
    });
  return read.reports;
}
