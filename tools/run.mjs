// SPDX-License-Identifier: MIT
/** `node tools/run.mjs PROGRAM.ts ARG...` runs a TypeScript program of this repository. */
import { pathToFileURL } from 'node:url';
import { buildProgram } from '../esbuild.config.mjs';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node tools/run.mjs PROGRAM.ts [ARG...]');
  process.exit(2);
}
const built = await buildProgram(program);
process.argv = [process.argv[0], built, ...args];
await import(pathToFileURL(built).href);
