// SPDX-License-Identifier: MIT
/** The command that runs this installation of Snapback from the working directory, for reports and remedies. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, sep } from 'node:path';
import { packagePath, PACKAGE_NAME } from '../../emulator/host/node/paths.js';

const COMMAND = 'snapback';
const SCRIPT = ['tools', 'snapback.mjs'] as const;

/**
 * `npx snapback` within a checkout and within a project that has the package; `snapback` where the PATH leads here;
 * `npx snapback-rig` when npx has fetched it; else Node with the script. Anywhere else, `npx snapback` would fetch
 * another package of that name.
 */
export function ownCommand(
  from: string = process.cwd(),
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const script = packagePath(...SCRIPT);
  if (npxLeadsTo(script, from)) return `npx ${COMMAND}`;
  if (script.split(sep).includes('_npx')) return `npx ${PACKAGE_NAME}`;
  const inPath = (env['PATH'] ?? '').split(delimiter).find((dir) => dir !== '' && existsSync(join(dir, COMMAND)));
  if (inPath !== undefined && isSame(join(inPath, COMMAND), script)) return COMMAND;
  return `node ${quoted(script)}`;
}

/** Quotes a word for a shell. */
export const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/**
 * npx uses the project around the working directory: the nearest folder above with a package.json or node_modules. It
 * runs the installed commands of that project, or the project's own command if the project is Snapback itself.
 */
function npxLeadsTo(script: string, from: string): boolean {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json')) || existsSync(join(dir, 'node_modules'))) {
      const installed = join(dir, 'node_modules', '.bin', COMMAND);
      if (existsSync(installed)) return isSame(installed, script);
      return nameIn(dir) === PACKAGE_NAME && isSame(join(dir, ...SCRIPT), script);
    }
    if (dir === dirname(dir)) return false;
  }
}

function nameIn(dir: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { name?: string }).name;
  } catch {
    return undefined;
  }
}

function isSame(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}
