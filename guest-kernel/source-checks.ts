// SPDX-License-Identifier: MIT
/** What the checks of the series and those of patches ask of a kernel's source. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { command } from '../emulator/host/node/process.js';
import { complaintsOf, configSymbolOf } from './each-text.js';

/**
 * The objects of those of `files` that the configuration `config` builds in the source `tree`. `isBuilt`: whether that holds for the object of a
 * file whose Makefile does not tell by an option.
 */
export async function builtObjects(
  tree: string,
  config: string,
  files: readonly string[],
  isBuilt: (object: string) => boolean,
): Promise<readonly string[]> {
  const options = await readFile(config, 'utf8');
  const objects: string[] = [];
  for (const file of files) {
    if (!existsSync(join(tree, file))) continue;
    const makefile = join(tree, dirname(file), 'Makefile');
    const symbol = existsSync(makefile)
      ? configSymbolOf(await readFile(makefile, 'utf8'), basename(file, '.c'))
      : undefined;
    const object = file.replace(/\.c$/, '.o');
    if (symbol === undefined ? isBuilt(object) : options.includes(`\n${symbol}=y\n`)) objects.push(object);
  }
  return objects;
}

/** Complaints of kernel-doc about those of `files` that are in the source `tree`. */
export async function kernelDocComplaints(
  tree: string,
  files: readonly string[],
  context: Pick<BuildContext, 'signal'>,
): Promise<readonly string[]> {
  const present = files.filter((file) => existsSync(join(tree, file)));
  if (present.length === 0) return [];
  const { stdout, stderr } = await command('perl', ['scripts/kernel-doc', '-none', ...present], context, {
    cwd: tree,
    okStatuses: 'any',
    remedy: 'install perl',
  });
  return complaintsOf(`${stdout}\n${stderr}`);
}
