#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/** `npm run soak`: sets up what is missing, then runs the bundled program. */
import { pathToFileURL } from 'node:url';
import { SetupError, setUp } from './setup.mjs';

let bundle;
try {
  await setUp();
  const { buildProgram } = await import('../esbuild.config.mjs');
  bundle = await buildProgram('tools/soak/main.ts');
} catch (error) {
  console.error(`snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`);
  process.exit(3);
}
await import(pathToFileURL(bundle).href);
