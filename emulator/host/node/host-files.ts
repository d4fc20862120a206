// SPDX-License-Identifier: MIT
/** Reads what a scenario copies from the host into the guest. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, posix, relative, resolve, sep } from 'node:path';
import type { GuestFile } from '../../cycle/plan.js';
import { InputError } from '../../machine/errors.js';
import type { HostFile } from '../../scenario/schema.js';

/**
 * The files named by `files`, folders with all that is in them, in an order that does not depend on the host.
 * @throws InputError when one cannot be read.
 */
export async function readHostFiles(files: readonly HostFile[], scenarioDir: string): Promise<readonly GuestFile[]> {
  const all: GuestFile[] = [];
  for (const file of files) {
    const from = resolve(scenarioDir, file.from);
    const { isFolder, bits } = await look(from, file.from);
    if (!isFolder) all.push({ path: file.to, mode: file.mode ?? bits, bytes: await readFile(from) });
    else {
      const paths = (await readdir(from, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      for (const path of paths.sort()) {
        const to = posix.join(file.to, relative(from, path).split(sep).join('/'));
        all.push({ path: to, mode: file.mode ?? (await look(path, path)).bits, bytes: await readFile(path) });
      }
    }
  }
  return all;
}

async function look(path: string, named: string): Promise<{ isFolder: boolean; bits: number }> {
  try {
    const found = await stat(path);
    return { isFolder: found.isDirectory(), bits: found.mode & 0o7777 };
  } catch (error) {
    throw new InputError(`cannot read ${named}, which the scenario copies into the guest`, {
      cause: error,
      remedy: `paths in \`files\` are relative to the scenario file; this one would be ${path}`,
    });
  }
}
