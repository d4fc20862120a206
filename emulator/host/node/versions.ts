// SPDX-License-Identifier: MIT
/** Versions of Snapback and of the software that it uses. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packagePath } from './paths.js';

export const snapbackVersion = (): string => versionIn(packagePath());

/** The versions of Snapback, Node and the packages that a run uses. */
export function packageVersions(): Readonly<Record<string, string>> {
  return { snapback: snapbackVersion(), node: process.versions.node, v86: versionIn(packageOf('v86')) };
}

const versionIn = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;

/** The folder of a package that Snapback uses: its own, or one beside it or above, where npm has put it. */
function packageOf(name: string): string {
  for (let dir = packagePath(); ; dir = dirname(dir)) {
    const folder = join(dir, 'node_modules', name);
    if (existsSync(join(folder, 'package.json')) || dir === dirname(dir)) return folder;
  }
}
