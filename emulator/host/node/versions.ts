// SPDX-License-Identifier: MIT
/** Versions of Snapback and of what it runs on. */
import { readFileSync } from 'node:fs';
import { packagePath } from '../../../tools/artifacts/paths.js';

export const snapbackVersion = (): string => versionIn('package.json');

/** Snapback, Node and the packages that take part in a run. */
export function packageVersions(): Readonly<Record<string, string>> {
  return { snapback: snapbackVersion(), node: process.versions.node, v86: versionIn('node_modules/v86/package.json') };
}

function versionIn(path: string): string {
  return (JSON.parse(readFileSync(packagePath(path), 'utf8')) as { version: string }).version;
}
