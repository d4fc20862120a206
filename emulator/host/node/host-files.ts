// SPDX-License-Identifier: MIT
/** Reads the files of the host that a scenario copies into the guest or shares with it. */
import type { Stats } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import type { GuestFile } from '../../cycle/plan.js';
import type { ShareEntry } from '../../machine/contract.js';
import { InputError } from '../../machine/errors.js';
import type { HostFile } from '../../scenario/schema.js';

/**
 * The files named by `files`, folders with all that is in them, in an order that does not depend on the host. Links are
 * followed: the guest gets what they lead to.
 * @throws InputError when one cannot be read, or is neither a file nor a folder.
 */
export async function readHostFiles(files: readonly HostFile[], scenarioDir: string): Promise<readonly GuestFile[]> {
  const all: GuestFile[] = [];
  for (const { from, to, mode } of files) {
    const found = await readTree(resolve(scenarioDir, from), {
      named: from,
      key: 'files',
      why: 'which the scenario copies into the guest',
    });
    all.push(
      ...found.flatMap(({ path, bytes, stats }) =>
        bytes ? [{ from: join(from, path), path: posix.join(to, path), mode: mode ?? stats.mode & 0o7777, bytes }] : [],
      ),
    );
  }
  return all;
}

/**
 * The contents of the folder `share`. They do not depend on the owners and times of the host's files, and of the
 * permissions only on whether a file is executable.
 * @throws InputError when something cannot be read, or is neither a file nor a folder.
 */
export async function readHostShare(share: string, scenarioDir: string): Promise<readonly ShareEntry[]> {
  const found = await readTree(resolve(scenarioDir, share), {
    named: share,
    key: 'share',
    why: 'which the scenario shares with the guest',
  });
  if (found[0]?.bytes)
    throw new InputError(`${share}, which the scenario shares with the guest, is not a folder`, {
      remedy: 'name the folder that it is in',
    });
  return found.map(({ path, bytes, stats }) =>
    bytes ? { path, mode: FILE | ((stats.mode & 0o100) !== 0 ? 0o755 : 0o644), bytes } : { path, mode: FOLDER | 0o755 },
  );
}

const FILE = 0o100000;
const FOLDER = 0o040000;
/** Deeper than any real folder. A greater depth means a link that leads back into its own folder. */
const DEPTH_MAX = 64;

interface Found {
  /** Path from the start of the search; empty for the start itself. */
  readonly path: string;
  readonly stats: Stats;
  /** Of a file. */
  readonly bytes?: Uint8Array;
}

/** For messages: what it is called in the scenario, under which key, and what for. */
interface Wanted {
  readonly named: string;
  readonly key: string;
  readonly why: string;
}

async function readTree(from: string, wanted: Wanted, path = '', depthLeft = DEPTH_MAX): Promise<readonly Found[]> {
  const at = join(from, path);
  const named = path === '' ? wanted.named : join(wanted.named, path);
  const refuse = (what: string, remedy: string): InputError =>
    new InputError(`${named}, ${wanted.why}, ${what}`, { remedy });
  const unreadable = (cause: unknown): never => {
    throw new InputError(`cannot read ${named}, ${wanted.why}: ${(cause as Error).message}`, {
      cause,
      remedy: `paths in \`${wanted.key}\` are relative to the scenario file; this one would be ${at}`,
    });
  };
  const stats = await stat(at).catch(unreadable);
  if (stats.isFile()) return [{ path, stats, bytes: await readFile(at).catch(unreadable) }];
  if (!stats.isDirectory()) throw refuse('is neither a file nor a folder', 'leave it out');
  if (depthLeft === 0) throw refuse('leads back into itself', 'leave out the link');
  const all: Found[] = [{ path, stats }];
  for (const name of (await readdir(at).catch(unreadable)).sort())
    all.push(...(await readTree(from, wanted, posix.join(path, name), depthLeft - 1)));
  return all;
}
