// SPDX-License-Identifier: MIT
/** The test files of `test/soak`: long end-to-end tests, of which `npm test` has a short form. Each is run as `npm test` runs one. */
import { basename } from 'node:path';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { DEFAULT_MACHINE } from '../../emulator/cycle/plan.js';
import { InputError } from '../../emulator/machine/errors.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import { buildTests } from '../../esbuild.config.mjs';
import { obtainMachineFiles } from '../run/machine-files.js';
import { endTestFiles, kernelsOf, runTestFile, testFiles, type TestFileEnd } from '../test-files.mjs';

/** The name of a test file: `debug-kernel` of `test/soak/debug-kernel.test.ts`. */
export const testName = (file: string): string => basename(file).replace(/\.test\.tsx?$/, '');

/** The test files of these names, relative to the package; all without any. @throws InputError for a name that none has. */
export function testsNamed(names: readonly string[]): readonly string[] {
  const files = testFiles('test/soak');
  if (names.length === 0) return files;
  return names.map((name) => {
    const found = files.find((file) => testName(file) === name);
    if (found === undefined)
      throw new InputError(`there is no long test '${name}'`, { remedy: `one of ${files.map(testName).join(', ')}` });
    return found;
  });
}

/** Builds what a test file boots, and runs it. @throws RigError, InputError, and the reason of an abort of `context.signal`. */
export async function runLongTest(file: string, context: BuildContext): Promise<TestFileEnd> {
  await buildTests([file]);
  for (const { flavour, arch } of kernelsOf([file]))
    await obtainMachineFiles({ ...DEFAULT_MACHINE, kernel: flavour, arch }, STANDARD_DISKS, context);
  // It is in a process group of its own, which no Ctrl-C reaches.
  const stop = (): void => endTestFiles('SIGTERM');
  context.signal.addEventListener('abort', stop, { once: true });
  const end = await runTestFile(file);
  context.signal.removeEventListener('abort', stop);
  context.signal.throwIfAborted();
  return end;
}
