// SPDX-License-Identifier: MIT
/** The folder of the package, whether the code runs from its sources or from a bundle in `dist/`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RigError } from '../../machine/errors.js';

/** The package's name on npm. Its command is `snapback`, but the package of that name on npm is another project. */
export const PACKAGE_NAME = 'snapback-rig';

let root: string | undefined;

/** Absolute path of the folder that holds Snapback's package.json, joined with `parts`. */
export function packagePath(...parts: readonly string[]): string {
  root ??= findRoot(dirname(fileURLToPath(import.meta.url)));
  return join(root, ...parts);
}

function findRoot(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === PACKAGE_NAME)
      return dir;
    if (dir === dirname(dir))
      throw new RigError('cannot find the package folder of snapback', {
        remedy: 'run it from a clone or an installed package',
      });
  }
}
