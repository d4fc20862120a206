// SPDX-License-Identifier: MIT
/** `npm run check`: what must hold before a commit and is quick to tell: format, types, and the unit tests. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, SetupError, setUp } from './setup.mjs';

try {
  await setUp();
} catch (error) {
  console.error(
    `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
  );
  process.exit(3);
}
const units = readdirSync(join(root, 'test/unit'), { recursive: true })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => join('test/unit', path))
  .sort();
const steps = [
  ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.']],
  ['types', ['node_modules/typescript/bin/tsc', '-p', '.']],
  ['unit tests', ['node_modules/tap/dist/esm/run.mjs', '--disable-coverage', '--reporter=terse', ...units]],
];
let failed = 0;
for (const [name, args] of steps) {
  const good = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  console.log(`${good ? 'ok' : 'not ok'} ${name}`);
  if (!good) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
