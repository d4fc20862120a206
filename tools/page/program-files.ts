// SPDX-License-Identifier: MIT
/** The files of the page that are the same for all machines. */
import { access, readFile } from 'node:fs/promises';
import { packagePath } from '../../emulator/host/node/paths.js';
import { RigError } from '../../emulator/machine/errors.js';
import { HASH_DIGITS, sha256, type PageFile } from './files.js';

/** Under these names, with whatever content the version has. */
const PROGRAM = ['index.html', 'start.js', 'page.css', 'page.js', 'session-worker.js', 'paint-worker.js'] as const;
/** For debuggers. */
const SOURCE_MAPS = [
  'page.css.map',
  'page.js.map',
  'session-worker.js.map',
  'paint-worker.js.map',
  'machine-worker.js.map',
] as const;

/** @throws RigError when the page has not been bundled. */
export async function programFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of PROGRAM) await addProgram(name, files);
  for (const name of SOURCE_MAPS) {
    const path = packagePath('dist', 'browser', name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) files.set(name, await readFile(path));
  }
  return files;
}

/**
 * The program that runs a machine, and its URL from the page's folder.
 * @throws RigError when the page has not been bundled.
 */
export async function machineWorker(): Promise<{ readonly url: string; readonly file: PageFile }> {
  const file = await programFile('machine-worker.js');
  return { url: `machine-worker-${sha256(file).slice(0, HASH_DIGITS)}.js`, file };
}

/** Adds a file of the page to `files`, with the parts that it loads. */
async function addProgram(name: string, files: Map<string, Uint8Array>): Promise<void> {
  if (files.has(name)) return;
  const content = await programFile(name);
  files.set(name, content);
  for (const part of name.endsWith('.js') ? partsIn(content) : []) await addProgram(part, files);
}

/** What a script imports, at once or later. Parts import others from their own folder. */
const partsIn = (script: Uint8Array): readonly string[] =>
  [...new TextDecoder().decode(script).matchAll(/"\.\/(?:parts\/)?([\w-]+-[A-Z0-9]{8}\.js)"/g)].map(
    ([, name]) => `parts/${name ?? ''}`,
  );

/** @throws RigError when the page has not been bundled. */
export async function programFile(name: string): Promise<Uint8Array> {
  const path = packagePath('dist', 'browser', name);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new RigError(`cannot read a file of the page: ${path}`, {
      cause,
      remedy: 'bundle the page with `node esbuild.config.mjs` in a clone, or install the package again',
    });
  }
}
