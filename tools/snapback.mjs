#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/** The command `snapback`: sets up what is missing, then runs the bundled command line. */
import { SetupError, setUp } from './setup.mjs';

// `git bisect run` takes 1 to 127 for a bad commit (tools/cli/bisect-exit.ts).
const FAILED = process.argv.includes('--bisect-exit') ? 203 : 3;
let hasStatus = false;
// An error that nobody expects would end Node with 1.
process.once('exit', (status) => {
  if (!hasStatus && status < 128) process.exitCode = FAILED;
});
try {
  await setUp();
} catch (error) {
  console.error(
    `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
  );
  process.exit(FAILED);
}
const { main } = await import('../dist/cli.mjs');
process.exitCode = await main(process.argv.slice(2));
hasStatus = true;
