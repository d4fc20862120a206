// SPDX-License-Identifier: MIT
/** `snapback replay`: repeats the run of a JSON report, or the session of a page, and compares the results. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { loadScenario, type LoadedScenario, type Overrides } from '../run/scenario-file.js';
import { ARCHITECTURES, SUSPEND_METHODS } from '../../emulator/cycle/plan.js';
import { ENGINES, type EngineName } from '../../emulator/engines/names.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { readReports } from '../../emulator/report/read.js';
import { isSession } from '../../emulator/scenario/session-file.js';
import type { CommandContext } from './context.js';
import { replaySession } from './replay-session.js';
import { settleFiles } from './report-files.js';
import { hasColour, print, runOne, type RunOptions } from './run.js';
import { askedFor, attempt, withReports, type Asked } from './with-reports.js';

/** The state hash of a report without the state of any machine: SHA-256 over nothing. */
const EMPTY_STATE = createHash('sha256').digest('hex');

/** Repeats a session, or each run of a list of reports. The exit status is the worst of them. */
export async function replayCommand(file: string, given: RunOptions, { signal }: CommandContext): Promise<number> {
  const options = await settleFiles(given, [file]);
  // Once, since it may be a pipe. What cannot be read is told below.
  const reading = readFile(file, 'utf8');
  const text = await reading.catch(() => '');
  if (isSession(text)) return replaySession(file, text, options, signal);
  // The scenarios are not known before the list is read.
  const list = askedFor(file);
  const asked: Asked[] = [list];
  return withReports(asked, options, signal, async () => {
    const reports = await attempt(list, () => loadReports(file, reading));
    const repeats = reports.map((before) => ({ before, one: askedFor(before.scenario.name) }));
    asked.splice(0, 1, ...repeats.map(({ one }) => one));
    // All reports are checked before the first run.
    const wanted: { readonly before: Report; readonly one: Asked; readonly scenario: LoadedScenario }[] = [];
    for (const { before, one } of repeats)
      wanted.push({ before, one, scenario: await attempt(one, () => scenarioOf(before, file)) });
    const ends: number[] = [];
    for (const [index, { before, one, scenario }] of wanted.entries()) {
      one.run = await attempt(one, () => runOne(scenario, options, signal));
      if (index > 0) print('', options);
      print(renderText(one.run.report, { colour: hasColour(options) }), options);
      const differences = compareReports(before, one.run.report);
      if (differences.length > 0) one.objection = { reason: NOT_THE_SAME, details: differences };
      ends.push(sayComparison(before, differences, options));
    }
    return Math.max(...ends);
  });
}

const NOT_THE_SAME = 'not the same run';

/** Prints whether it was the same run, and returns the exit status. */
function sayComparison(before: Report, differences: readonly string[], options: RunOptions): number {
  print('', options);
  if (differences.length === 0) {
    print(
      isDeterministic(before)
        ? `  the same run: state ${before.stateHash.slice(0, 16)} again`
        : `  the same inputs and the same verdict; the states were not compared, because the engine ${before.machine?.engine} is not deterministic`,
      options,
    );
    return before.verdict === 'pass' ? EXIT.pass : EXIT.guestFailed;
  }
  print([`  ${NOT_THE_SAME}:`, ...differences.map((line) => `      ${line}`)].join('\n'), options);
  return EXIT.rigFailed;
}

/**
 * Loads the unchanged scenario of a report in `reportFile`. Other files of the same name are passed over.
 * @throws InputError when it is missing or was changed, or when the report has no state to compare. It says what was
 *   found instead.
 */
export async function scenarioOf(before: Report, reportFile: string): Promise<LoadedScenario> {
  const { file, sha256, name } = before.scenario;
  if (file === null)
    throw new InputError(`${reportFile} describes a run without a scenario file`, {
      remedy: 'run the program that wrote the report again',
    });
  if (before.stateHash === EMPTY_STATE)
    throw new InputError(`${reportFile} holds no state of a machine, so a replay has nothing to compare`, {
      remedy: 'write a report with this version: `snapback run --json FILE`',
    });
  const { kernel, memoryMiB } = before.options;
  const paths = scenarioPaths(before.scenario, reportFile, process.cwd());
  const there = paths.filter((path) => existsSync(path));
  const overrides: Overrides = {
    seed: before.seed,
    ...(typeof kernel === 'string' && { kernel }),
    ...machineOf(before),
    ...chosenOf(before),
    ...(typeof memoryMiB === 'number' && { memoryMiB }),
  };
  const [first] = paths;
  // The error of reading it names it.
  if (there.length === 0 && first !== undefined) return loadScenario(first, overrides);
  const found: string[] = [];
  for (const path of there) {
    const scenario = await loadScenario(path, overrides).catch((error: unknown) => {
      if (error instanceof InputError) return error;
      throw error;
    });
    if (scenario instanceof InputError) found.push(scenario.message);
    else if (scenario.sha256 === sha256) return scenario;
    else if (scenario.scenario.name !== name) found.push(`${path} is another scenario: '${scenario.scenario.name}'`);
    else found.push(`${path}, or a file that it copies into the guest, has changed since ${reportFile} was written`);
  }
  const [only] = found;
  throw new InputError(
    found.length === 1 && only !== undefined
      ? `the scenario '${name}' of ${reportFile} cannot be repeated: ${only}`
      : [`the scenario '${name}' of ${reportFile} is not among the files of its name:`, ...found].join('\n  '),
    { remedy: 'restore it, or make a new run: `snapback run`' },
  );
}

/** The machine of the run, as far as this version knows such machines. Older reports do not say it. */
function machineOf({ machine }: Report): Overrides {
  const engine = (Object.keys(ENGINES) as EngineName[]).find((name) => name === machine?.engine);
  const arch = ARCHITECTURES.find((name) => name === machine?.arch);
  const { processors, diskBus = 'ide', freezeOrder } = machine ?? {};
  if (processors === undefined || !engine || !arch) return {};
  return { engine, arch, processors, diskBus, ...(freezeOrder !== undefined && { freezeOrder }) };
}

/** What was asked for instead of what the scenario says of its steps. */
function chosenOf({ options: { method, parameters } }: Report): Overrides {
  const asked = SUSPEND_METHODS.find((name) => name === method);
  const values = Object.entries(typeof parameters === 'object' && parameters !== null ? parameters : {});
  return {
    ...(asked !== undefined && { method: asked }),
    ...(values.length > 0 && {
      parameters: Object.fromEntries(values.map(([name, value]) => [name, String(value)])),
    }),
  };
}

/**
 * The possible paths of a report's scenario: relative to the working directory of the run, to the present one, and to
 * the folder of the report. A path that is relative to the present one keeps its form.
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

/** Reports of older versions do not say so: they had no other engine. */
const isDeterministic = ({ machine }: Report): boolean => machine?.deterministic ?? true;

/**
 * The differences between two reports of what should be the same run. Empty when the machine went through the same
 * states; on an engine that is not deterministic, when artifacts and verdict are the same.
 */
export function compareReports(before: Report, after: Report): readonly string[] {
  const comparesStates = isDeterministic(before) && isDeterministic(after);
  const stateDiffers = stateDifferences(before, after).length > 0;
  // Equal states come from equal inputs, in whatever version of the packages.
  if (comparesStates && !stateDiffers && before.verdict === after.verdict) return [];
  const names = [...new Set([...Object.keys(before.artifacts), ...Object.keys(after.artifacts)])];
  return [
    ...names.flatMap((name) =>
      differs(`artifact '${name}'`, before.artifacts[name]?.slice(0, 16), after.artifacts[name]?.slice(0, 16)),
    ),
    ...Object.keys(after.packages).flatMap((name) =>
      differs(`version of ${name}`, before.packages[name], after.packages[name]),
    ),
    ...differs('engine', before.machine?.engine ?? 'v86', after.machine?.engine ?? 'v86'),
    ...differs('verdict', before.verdict, after.verdict),
    ...(comparesStates ? stateDifferences(before, after) : []),
  ];
}

const differs = (what: string, was: unknown, is: unknown): readonly string[] =>
  was === is ? [] : [`${what}: ${String(was)}, now ${String(is)}`];

function stateDifferences(before: Report, after: Report): readonly string[] {
  return [
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

async function loadReports(file: string, reading: Promise<string>): Promise<readonly Report[]> {
  let text: string;
  try {
    text = await reading;
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
