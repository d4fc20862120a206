#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/** The command `snapback`: sets up what is missing, then runs the bundled command line. */
import { SetupError, setUp } from './setup.mjs';

try {
  await setUp();
} catch (error) {
  console.error(
    `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
  );
  process.exit(3);
}
const { main } = await import('../dist/cli.mjs');
process.exitCode = await main(process.argv.slice(2));
