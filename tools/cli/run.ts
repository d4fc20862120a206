// SPDX-License-Identifier: MIT
/** `snapback run`: scenarios in, verdicts out. */
import { relative } from 'node:path';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runScenario, type ScenarioRun } from '../run/run-scenario.js';
import { loadScenario, type LoadedScenario, type Overrides } from '../run/scenario-file.js';
import type { CommandOutcome, Finding } from '../../emulator/cycle/outcome.js';
import { DEFAULT_METHOD, type Architecture, type FreezeOrder, type SuspendMethod } from '../../emulator/cycle/plan.js';
import type { EngineName } from '../../emulator/engines/names.js';
import type { Parameters } from '../../emulator/scenario/parameters.js';
import type { DiskBus } from '../../emulator/machine/contract.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { commandLines } from '../../emulator/report/commands.js';
import { renderFindings, renderText } from '../../emulator/report/text.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites } from './doctor.js';
import type { CommandContext } from './context.js';
import { settleFiles, STDOUT } from './report-files.js';
import { askedFor, attempt, withReports, type Asked } from './with-reports.js';

export interface RunOptions {
  readonly seed?: number;
  readonly kernel?: string;
  readonly engine?: EngineName;
  readonly arch?: Architecture;
  readonly processors?: number;
  /** In MiB. */
  readonly memory?: number;
  readonly diskBus?: DiskBus;
  readonly freezeOrder?: FreezeOrder;
  readonly method?: SuspendMethod;
  /** Values of parameters. */
  readonly set?: Parameters;
  readonly json?: string;
  readonly junit?: string;
  readonly ktap?: string;
  readonly trace?: string;
  readonly console?: string;
  readonly verbose?: boolean;
}

/** The scenario that shows each method. */
const STANDARD_SCENARIOS: Readonly<Record<SuspendMethod, string>> = {
  sys_snapshot: 'sys-snapshot.yaml',
  swsusp: 'stock-cycle.yaml',
};

/** What the options say instead of the scenario. */
export function overridesOf(options: RunOptions): Overrides {
  const { seed, kernel, engine, arch, processors, memory, diskBus, freezeOrder, method, set } = options;
  return {
    ...(seed !== undefined && { seed }),
    ...(kernel !== undefined && { kernel }),
    ...(engine !== undefined && { engine }),
    ...(arch !== undefined && { arch }),
    ...(processors !== undefined && { processors }),
    ...(memory !== undefined && { memoryMiB: memory }),
    ...(diskBus !== undefined && { diskBus }),
    ...(freezeOrder !== undefined && { freezeOrder }),
    ...(method !== undefined && { method }),
    ...(set !== undefined && { parameters: set }),
  };
}

/** The scenario of `snapback` alone. */
export const standardScenario = (method: SuspendMethod = DEFAULT_METHOD): string =>
  relative(process.cwd(), packagePath('test', 'scenarios', STANDARD_SCENARIOS[method]));

export async function runCommand(
  files: readonly string[],
  given: RunOptions,
  { signal }: CommandContext,
): Promise<number> {
  // Without a file, the method chooses the scenario: each has one that shows it.
  const { method, ...rest } = given;
  const overrides = overridesOf(files.length > 0 ? given : rest);
  const named = files.length > 0 ? files : [standardScenario(method)];
  const options = await settleFiles(given, named);
  const asked = named.map((file) => ({ ...askedFor(file), file }));
  return withReports(asked, options, signal, async () => {
    // All are read before the first is run: a typo in the last one should not cost the time of the others.
    const loaded: { readonly one: Asked; readonly scenario: LoadedScenario }[] = [];
    for (const one of asked) {
      const scenario = await attempt(one, () => loadScenario(one.file, overrides));
      one.name = scenario.scenario.name;
      loaded.push({ one, scenario });
    }
    for (const [index, { one, scenario }] of loaded.entries()) {
      one.run = await attempt(one, () => runOne(scenario, options, signal));
      if (index > 0) print('', options);
      print(renderText(one.run.report, { colour: hasColour(options) }), options);
    }
    return asked.every(({ run }) => run?.report.verdict === 'pass') ? EXIT.pass : EXIT.guestFailed;
  });
}

/** Runs one scenario with progress on the error output. */
export async function runOne(scenario: LoadedScenario, options: RunOptions, signal: AbortSignal): Promise<ScenarioRun> {
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context, scenario.plan.machine.engine === 'qemu' ? ['qemu'] : []);
  const found: Finding[] = [];
  try {
    return await runScenario(scenario, context, {
      say: progress.say,
      onFinding: (finding) => void found.push(finding),
      ...(options.verbose === true && {
        onConsole: (bytes: Uint8Array) => void process.stderr.write(bytes),
        onCommand: (command: CommandOutcome) => {
          progress.clear();
          console.error(commandLines(command).join('\n'));
        },
      }),
    });
  } catch (error) {
    progress.clear();
    // The error says why there is no verdict. Earlier findings are still printed.
    if (found.length > 0) console.error(renderFindings(found));
    throw error;
  } finally {
    progress.clear();
  }
}

/** Prints to the error output if a report goes to standard output. */
export const print = (text: string, options: RunOptions): void =>
  takesStdout(options) ? console.error(text) : console.log(text);
const takesStdout = ({ json, junit, ktap, trace, console: log }: RunOptions): boolean =>
  [json, junit, ktap, trace, log].includes(STDOUT);

export const hasColour = (options: RunOptions): boolean =>
  (takesStdout(options) ? process.stderr : process.stdout).isTTY === true && process.env['NO_COLOR'] === undefined;
