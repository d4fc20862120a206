// SPDX-License-Identifier: MIT
/**
 * `npm test`: sets up, looks at format and types, and runs unit tests (with coverage) and end-to-end tests, for which it builds what
 * they boot. `npm test -- FILE...` runs just these, which may also be some of `test/soak`. The last line is `N passed, N failed`.
 */
import { join } from 'node:path';
import { run, runTests } from './run-tests.mjs';
import { root, SetupError, setUp } from './setup.mjs';
import { kernelsOf, testFiles } from './test-files.mjs';

const command = join(root, 'tools/snapback.mjs');

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`snapback: ${error instanceof SetupError ? error.message : `cannot set up: ${error.message}`}`);
  process.exitCode = 3;
}

async function main(named) {
  await setUp();
  // The unit tests, too, use tools of the host. Those that miss one say so.
  await run(process.execPath, [command, 'doctor', '--cure']);
  if (named.length === 0)
    return runTests({
      looks: true,
      coverage: true,
      unit: testFiles('test/unit'),
      e2e: testFiles('test/e2e'),
      prepare: () => build([['--tests']]),
    });
  const isE2e = (file) => /test\/(e2e|soak)\//.test(file);
  const e2e = named.filter(isE2e);
  // Minutes when kernels have changed: for named tests, only what they boot.
  return runTests({
    unit: named.filter((file) => !isE2e(file)),
    e2e,
    prepare: () => build(kernelsOf(e2e).map(({ flavour, arch }) => ['--kernel', flavour, '--arch', arch])),
  });
}

/** Builds what tests boot; answers whether that went well. */
async function build(calls) {
  for (const options of calls) if ((await run(process.execPath, [command, 'build', ...options])) !== 0) return false;
  return true;
}
