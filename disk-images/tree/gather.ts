// SPDX-License-Identifier: MIT
/** Collects the files of a volume from the sources that its recipe names. */
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import type { Artifact } from '../../emulator/host/node/artifacts/store.js';
import type { KernelArch } from '../../guest-kernel/build.js';
import type { TreeSource } from '../recipe/recipe.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';

/** The guest programs for an architecture. */
export type Userspace = (arch: KernelArch) => Promise<Artifact>;

/**
 * The entries of a source that is not a package, on a disk for `arch`. `userspace` is called only when a guest program is
 * needed.
 */
export async function gather(
  source: TreeSource,
  userspace: Userspace,
  arch: KernelArch = 'i386',
): Promise<readonly Entry[]> {
  switch (source.from) {
    case 'recipe':
      return source.entries;
    case 'userspace':
      if (source.arch === arch) return [];
      return programs(source.program, source.path, source.mode, await userspace(source.arch ?? arch));
    case 'host':
      return hostFiles(source.hostPath, source.path, source);
  }
}

async function programs(program: string, path: string, mode: number, userspace: Artifact): Promise<readonly Entry[]> {
  const known = Object.keys(userspace.sha256)
    .filter((file) => file.startsWith('bin/'))
    .map((file) => file.slice('bin/'.length))
    .sort();
  if (program !== '*' && !known.includes(program)) {
    throw new InputError(`there is no guest program '${program}'`, { remedy: `take one of ${known.join(', ')}` });
  }
  // An init can run only as process 1, so '*' omits it: a recipe must name it.
  const wanted = program === '*' ? known.filter((name) => !name.endsWith('-init')) : [program];
  return Promise.all(
    wanted.map(async (name): Promise<Entry> => {
      const content = await readFile(join(userspace.dir, 'bin', name));
      return { kind: 'file', path: program === '*' ? `${path}/${name}` : path, content, mode, uid: 0, gid: 0 };
    }),
  );
}

async function hostFiles(
  hostPath: string,
  path: string,
  look: { readonly mode: number | undefined; readonly uid: number; readonly gid: number },
): Promise<readonly Entry[]> {
  const status = await lstat(hostPath).catch((cause: unknown) => {
    throw new InputError(`cannot read ${hostPath}, which the recipe names`, {
      cause,
      remedy: 'correct the path; relative ones start from the folder of the recipe',
    });
  });
  const common = { path, mode: look.mode ?? status.mode & 0o777, uid: look.uid, gid: look.gid };
  if (status.isSymbolicLink()) return [{ ...common, mode: 0o777, kind: 'symlink', target: await readlink(hostPath) }];
  if (status.isFile()) return [{ ...common, kind: 'file', content: await readFile(hostPath) }];
  if (!status.isDirectory())
    throw new InputError(`${hostPath} is neither a file nor a folder nor a link`, {
      remedy: 'name device nodes in the recipe, under devices',
    });
  const below = await Promise.all(
    (await readdir(hostPath))
      .sort()
      .map((name) => hostFiles(join(hostPath, name), `${path}/${name}`, { ...look, mode: undefined })),
  );
  return [{ ...common, mode: look.mode ?? status.mode & 0o777, kind: 'directory' }, ...below.flat()];
}

/** SHA-256 (hex) over all of the entries, contents included. */
export function hashEntries(entries: readonly Entry[]): string {
  const hash = createHash('sha256');
  for (const entry of entries) {
    const { kind, path, mode, uid, gid } = entry;
    const detail =
      kind === 'file'
        ? entry.content.length
        : kind === 'symlink'
          ? entry.target
          : kind === 'device'
            ? [entry.type, entry.major, entry.minor]
            : '';
    hash.update(`${JSON.stringify([kind, path, mode, uid, gid, detail])}\n`);
    if (kind === 'file') hash.update(entry.content);
  }
  return hash.digest('hex');
}
