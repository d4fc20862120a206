// SPDX-License-Identifier: MIT
/** What the end-to-end tests of the cycle share: runs by the library, and by the command line. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  loadScenario,
  readReport,
  renderText,
  runScenario,
  type Report,
  type ScenarioRun,
} from '../../tools/library.js';
import { defaultCacheDir, type BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';

export const context: BuildContext = {
  cacheDir: defaultCacheDir(),
  progress: () => undefined,
  signal: new AbortController().signal,
};

/** A folder with a kernel of one's own, to try the tests on: `tools/kernel.ts build` makes one. */
export const kernel = process.env['SNAPBACK_TEST_KERNEL'];

/** Runs a scenario given as text; `dir` is a folder of the test's own. */
export async function runText(dir: string, text: string): Promise<ScenarioRun> {
  const file = join(dir, 'scenario.yaml');
  await writeFile(file, text);
  return runFile(file);
}

/** Runs the scenario in a file. */
async function runFile(file: string): Promise<ScenarioRun> {
  return runScenario(await loadScenario(file, kernel === undefined ? {} : { kernel }), context, {
    say: () => undefined,
  });
}

/** The report that a command has written into `file`. */
export async function reportIn(file: string): Promise<Report> {
  const read = readReport(await readFile(file, 'utf8'));
  if ('problem' in read) throw new Error(read.problem);
  return read.report;
}

/**
 * The report of the scenario of that name in `test/scenarios`, which has to pass. It is run in this process, where machines share compiled
 * code, and follows the schema.
 */
export async function passing(name: string): Promise<Report> {
  const { report } = await runFile(packagePath('test', 'scenarios', `${name}.yaml`));
  if (report.verdict !== 'pass') throw new Error(renderText(report, { colour: false }));
  const read = readReport(JSON.stringify(report));
  if ('problem' in read) throw new Error(read.problem);
  return read.report;
}

export interface CommandEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line, in the folder `cwd` if given, with `env` added to the environment; `onOutput` gets what it has printed on stderr so far, and may signal the process. */
export function snapback(
  args: readonly string[],
  onOutput?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void,
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    // Threads that collect garbage beside the program need more of the processors (see tools/test-files.mjs).
    const child = spawn(process.execPath, ['--single-threaded-gc', packagePath('tools', 'snapback.mjs'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      onOutput?.(stderr, (signal) => void child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}
