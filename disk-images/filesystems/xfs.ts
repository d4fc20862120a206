// SPDX-License-Identifier: MIT
/** XFS by mkfs.xfs, which fills it by a prototype file: owners, modes and device nodes without root. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';
import type { MakeRequest } from './request.js';
import { runSteady } from './steady.js';

const REMEDY = 'apt-get install xfsprogs';

/** Minimum size that mkfs.xfs accepts. */
const XFS_BYTES_MIN = 300 * 2 ** 20;

export async function makeXfs({ image, volume, tree, scratch, context }: MakeRequest): Promise<void> {
  if (volume.sizeBytes < XFS_BYTES_MIN)
    throw new InputError(`${volume.name} has ${volume.sizeBytes} bytes; XFS needs at least 300 MiB`, {
      remedy: 'give it a larger size in the recipe',
    });
  const contents = new Map<string, string>();
  for (const [index, entry] of tree.entries()) {
    if (entry.kind !== 'file') continue;
    const path = join(scratch, `content-${index}`);
    await writeFile(path, entry.content);
    contents.set(entry.path, path);
  }
  const prototype = join(scratch, 'prototype');
  await writeFile(prototype, xfsPrototype(tree, contents));
  const label = volume.label === undefined ? [] : ['-L', volume.label];
  context.progress(`making the xfs filesystem ${volume.name}`);
  await runSteady('mkfs.xfs', ['-q', '-f', '-m', `uuid=${volume.uuid}`, ...label, '-p', prototype, image], context, {
    remedy: REMEDY,
  });
  // The prototype file cannot express the sticky bit.
  for (const { path, mode } of tree.filter((entry) => entry.kind === 'directory' && entry.mode & 0o1000)) {
    await runSteady(
      'xfs_db',
      ['-x', '-c', `path /${path}`, '-c', `write core.mode 0${(0o040000 | mode).toString(8)}`, image],
      context,
      { remedy: REMEDY },
    );
  }
}

/**
 * The tree as a prototype file for `mkfs.xfs -p`: a boot file and sizes (both unused today), then a line per entry with
 * name, mode, owner and more; `$` ends a folder.
 */
export function xfsPrototype(tree: readonly Entry[], contents: ReadonlyMap<string, string>): string {
  const below = (folder: string, depth: number): readonly string[] =>
    tree
      .filter(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/'))) === folder)
      .flatMap((entry) => {
        const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
        if (/\s/.test(name) || name.startsWith(':'))
          throw new InputError(
            `'/${entry.path}' has a space in its name, or begins with a colon: mkfs.xfs cannot make it`,
            { remedy: 'rename it, or take another filesystem' },
          );
        const indent = ' '.repeat(depth);
        const line = `${indent}${name} ${modeWord(entry)} ${entry.uid} ${entry.gid}`;
        if (entry.kind === 'directory') return [line, ...below(entry.path, depth + 1), `${indent}$`];
        if (entry.kind === 'file') return [`${line} ${contents.get(entry.path) ?? ''}`];
        if (entry.kind === 'symlink') return [`${line} ${entry.target}`];
        return [entry.kind === 'device' ? `${line} ${entry.major} ${entry.minor}` : line];
      });
  return ['/', '0 0', 'd--755 0 0', ...below('', 1), '$', ''].join('\n');
}

/** Type, set-user-id, set-group-id, permissions: `-u-755`. */
function modeWord(entry: Entry): string {
  const type =
    entry.kind === 'device'
      ? entry.type === 'char'
        ? 'c'
        : 'b'
      : { file: '-', directory: 'd', symlink: 'l', fifo: 'p' }[entry.kind];
  return `${type}${entry.mode & 0o4000 ? 'u' : '-'}${entry.mode & 0o2000 ? 'g' : '-'}${(entry.mode & 0o777).toString(8).padStart(3, '0')}`;
}
