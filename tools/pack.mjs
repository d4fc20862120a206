// SPDX-License-Identifier: MIT
/**
 * Before `npm pack`: bundles, and the types that those who import the package see. With --clean, afterwards: in a clone the sources
 * are the types.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, SetupError, setUp } from './setup.mjs';

const types = join(root, 'dist/types');
rmSync(types, { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  try {
    await setUp();
  } catch (error) {
    console.error(
      `snapback: ${error instanceof SetupError ? error.message : `cannot bundle the sources: ${error.message}`}`,
    );
    process.exit(3);
  }
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.types.json')],
    { cwd: root, stdio: ['ignore', 2, 2] },
  );
  process.exitCode = status ?? 1;
}
