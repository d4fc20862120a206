// SPDX-License-Identifier: MIT
/** `node tools/run.mjs PROGRAM.ts ARG...` runs a TypeScript program of this repository. */
import { pathToFileURL } from 'node:url';
import { ensurePackages, SetupError } from './setup.mjs';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node tools/run.mjs PROGRAM.ts [ARG...]');
  process.exit(2);
}
let built;
try {
  await ensurePackages();
  const { buildProgram } = await import('../esbuild.config.mjs');
  built = await buildProgram(program);
} catch (error) {
  console.error(
    `snapback: ${error instanceof SetupError ? error.message : `cannot bundle ${program}: ${error.message}`}`,
  );
  process.exit(3);
}
process.argv = [process.argv[0], built, ...args];
await import(pathToFileURL(built).href);
