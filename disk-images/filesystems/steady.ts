// SPDX-License-Identifier: MIT
/** Runs mkfs programs so that the same input gives the same bytes: see `steady.c`. */
import { mkdir, readFile, symlink, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command, type CommandResult } from '../../emulator/host/node/process.js';
import { obtain } from '../../emulator/host/node/artifacts/store.js';
import type { Volume } from '../recipe/recipe.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';

/** All times in an image, in seconds since 1970: 2025-01-01T00:00:00Z, before any machine is switched on. */
export const IMAGE_TIME_S = 1735689600;

const SOURCE = 'disk-images/filesystems/steady.c';

/** Runs a program with a stopped clock and seeded chance. */
export async function runSteady(
  program: string,
  args: readonly string[],
  context: BuildContext,
  options: { readonly remedy: string; readonly env?: Readonly<Record<string, string>> },
): Promise<CommandResult> {
  const library = await obtainLibrary(context);
  const env = { LD_PRELOAD: library, SOURCE_DATE_EPOCH: String(IMAGE_TIME_S), TZ: 'UTC', LC_ALL: 'C', ...options.env };
  return command(program, args, context, { remedy: options.remedy, env });
}

/** The preloaded library that stops a program's clock. */
export async function obtainLibrary(context: BuildContext): Promise<string> {
  const inputs = { source: await readFile(packagePath(SOURCE), 'utf8'), architecture: process.arch };
  const build = async (dir: string): Promise<void> => {
    const args = [
      '-std=gnu11',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-shared',
      '-fPIC',
      '-s',
      '-o',
      join(dir, 'steady.so'),
      packagePath(SOURCE),
      '-ldl',
    ];
    await command('cc', args, context, { remedy: 'apt-get install gcc libc6-dev' });
  };
  return join((await obtain({ name: 'steady', inputs, build }, context)).dir, 'steady.so');
}

/**
 * Writes a tree to a folder, for programs that can only copy a folder. Owners and device nodes would need root there.
 * @throws InputError when the tree needs either.
 */
export async function writeTree(tree: readonly Entry[], folder: string, volume: Volume): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const entry of tree) {
    const path = join(folder, entry.path);
    if (entry.uid !== 0 || entry.gid !== 0)
      throw cannot(volume, `/${entry.path} belongs to ${entry.uid}:${entry.gid}`, 'files of others than root');
    if (entry.kind === 'directory') await mkdir(path);
    else if (entry.kind === 'symlink') await symlink(entry.target, path);
    else if (entry.kind === 'file') await writeFile(path, entry.content);
    else throw cannot(volume, `/${entry.path} is a ${entry.kind}`, 'device nodes and pipes');
  }
  // Last, and children before parents, because a folder may be read-only in the image.
  for (const entry of [...tree].reverse())
    if (entry.kind !== 'symlink') await chmod(join(folder, entry.path), entry.mode);
}

function cannot(volume: Volume, what: string, things: string): InputError {
  return new InputError(`${what}, which the tools for ${volume.filesystem} cannot make without root`, {
    remedy: `put ${things} on a volume of ext4 or xfs`,
  });
}
