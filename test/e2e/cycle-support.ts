// SPDX-License-Identifier: MIT
/** What the end-to-end tests of the cycle share: runs by the library, and by the command line. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadScenario, readReport, runScenario, type Report, type ScenarioRun } from '../../tools/library.js';
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

/** The report of the scenario of that name in `test/scenarios`, run by the command, which has to pass. `dir`: a folder of the test's own. */
export async function passing(name: string, dir: string): Promise<Report> {
  const json = join(dir, 'report.json');
  const run = await snapback(['run', packagePath('test', 'scenarios', `${name}.yaml`), '--json', json]);
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  return reportIn(json);
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
    const child = spawn(process.execPath, [packagePath('tools', 'snapback.mjs'), ...args], {
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
