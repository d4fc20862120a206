// SPDX-License-Identifier: MIT
/** `npm run check`: what must hold before a commit and is quick to tell: format, types, and the unit tests. */
import { runTests } from './run-tests.mjs';
import { SetupError, setUp } from './setup.mjs';
import { testFiles } from './test-files.mjs';

try {
  await setUp();
  process.exitCode = await runTests({ looks: true, unit: testFiles('test/unit'), e2e: [] });
} catch (error) {
  console.error(
    `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
  );
  process.exitCode = 3;
}
