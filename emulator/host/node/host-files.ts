// SPDX-License-Identifier: MIT
/** Reads what a scenario copies from the host into the guest. */
import type { Stats } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import type { GuestFile } from '../../cycle/plan.js';
import { InputError } from '../../machine/errors.js';
import type { HostFile } from '../../scenario/schema.js';

/**
 * The files named by `files`, folders with all that is in them, in an order that does not depend on the host. Links are
 * followed: the guest gets what they lead to.
 * @throws InputError when one cannot be read, or is neither a file nor a folder.
 */
export async function readHostFiles(files: readonly HostFile[], scenarioDir: string): Promise<readonly GuestFile[]> {
  const all: GuestFile[] = [];
  for (const file of files) all.push(...(await readTree(resolve(scenarioDir, file.from), file.from, file.to, file.mode, DEPTH_MAX)));
  return all;
}

/** Deeper than any folder of files: a link that leads back into its own folder. */
const DEPTH_MAX = 64;

async function readTree(from: string, named: string, to: string, mode: number | undefined, depthLeft: number): Promise<readonly GuestFile[]> {
  const found = await look(from, named);
  if (found.isFile()) return [{ path: to, mode: mode ?? found.mode & 0o7777, bytes: await read(from, named) }];
  if (!found.isDirectory()) throw new InputError(`${named}, which the scenario copies into the guest, is neither a file nor a folder`, { remedy: 'leave it out' });
  if (depthLeft === 0) throw new InputError(`${named}, which the scenario copies into the guest, leads back into itself`, { remedy: 'leave out the link' });
  const all: GuestFile[] = [];
  for (const name of (await readdir(from)).sort()) all.push(...(await readTree(join(from, name), join(named, name), posix.join(to, name), mode, depthLeft - 1)));
  return all;
}

const look = (path: string, named: string): Promise<Stats> => stat(path).catch((cause: unknown) => unreadable(path, named, cause));
const read = (path: string, named: string): Promise<Uint8Array> => readFile(path).catch((cause: unknown) => unreadable(path, named, cause));

function unreadable(path: string, named: string, cause: unknown): never {
  throw new InputError(`cannot read ${named}, which the scenario copies into the guest: ${(cause as Error).message}`, {
    cause,
    remedy: `paths in \`files\` are relative to the scenario file; this one would be ${path}`,
  });
}
