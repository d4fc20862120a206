// SPDX-License-Identifier: MIT
/** Reads the patches that a command names: files, folders, mailboxes, standard input, commits of a tree. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { command } from '../../emulator/host/node/process.js';
import { makeTemporaryFolder } from '../../emulator/host/node/temporary.js';
import { InputError } from '../../emulator/machine/errors.js';
import { splitMailbox, type PatchText } from '../../emulator/validate/patch-text.js';
import { ISOLATED } from '../../guest-kernel/series.js';
import { STDOUT } from './report-files.js';

/** The name of standard input. */
export const STDIN = STDOUT;
/** The endings of patches in a folder. */
const ENDINGS = /\.(?:patch|diff|mbox|mbx|eml)$/;

/**
 * The patches of `names`, in the order in which they are applied: that of the names, and of the file names within a folder.
 * `-` is standard input, `input`. @throws InputError that names what cannot be read, or holds no patch.
 */
export async function readPatchTexts(
  names: readonly string[],
  input: Readable = process.stdin,
): Promise<readonly PatchText[]> {
  const patches: PatchText[] = [];
  for (const name of names) {
    const found = name === STDIN ? splitMailbox('standard input', textOf(await buffer(input))) : await readNamed(name);
    if (found.length === 0)
      throw new InputError(`there is no patch in ${name === STDIN ? 'standard input' : name}`, {
        remedy: `name a file of \`git format-patch\`, a mailbox, or a folder with files that end in .patch or .mbox`,
      });
    patches.push(...found);
  }
  return patches;
}

/**
 * The patches of the commits `range` of the git tree in `tree`, the oldest first. Merges are left out.
 * @throws InputError when it is no git tree, or when there are no such commits.
 */
export async function readCommits(
  tree: string,
  range: string,
  context: Pick<BuildContext, 'signal'>,
): Promise<readonly PatchText[]> {
  // A single commit would mean all that is not in it.
  if (!range.includes('..') || range.startsWith('-'))
    throw new InputError(`--range ${range} names no range of commits`, { remedy: 'write A..B, such as HEAD~3..HEAD' });
  const dir = await makeTemporaryFolder('snapback-commits-');
  try {
    const args = ['format-patch', '-q', '--full-index', '--binary', '-o', dir, range, '--'];
    const { status, stderr } = await command('git', ['-C', resolve(tree), ...args], context, {
      okStatuses: 'any',
      env: ISOLATED,
      remedy: 'install git',
    });
    if (status !== 0)
      throw new InputError(`cannot read the commits ${range} of ${tree}: ${stderr.trim().split('\n', 1)[0] ?? ''}`, {
        remedy: 'name a git tree with --tree, and commits of it with --range A..B',
      });
    const patches = await readNamed(dir);
    if (patches.length === 0)
      throw new InputError(`there are no commits in ${range} of ${tree}`, {
        remedy: 'write the older one first: A..B',
      });
    return patches;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readNamed(name: string): Promise<readonly PatchText[]> {
  const there = await stat(name).catch((cause: unknown) => {
    throw cannotRead(name, cause);
  });
  if (!there.isDirectory()) return splitMailbox(basename(name), await readPatchFile(name));
  const files = (await readdir(name)).filter((file) => ENDINGS.test(file)).sort();
  const read = await Promise.all(files.map(async (file) => splitMailbox(file, await readPatchFile(join(name, file)))));
  return read.flat();
}

/** Far above any series. */
const BYTES_MAX = 64 * 2 ** 20;

async function readPatchFile(path: string): Promise<string> {
  try {
    const there = await stat(path);
    if (there.isCharacterDevice()) throw new Error('it is a device');
    if (there.size > BYTES_MAX) throw new Error('it is larger than 64 MiB, which no series of patches is');
    return textOf(await readFile(path));
  } catch (cause) {
    throw cannotRead(path, cause);
  }
}

const cannotRead = (name: string, cause: unknown): InputError =>
  new InputError(`cannot read the patches ${name}: ${(cause as Error).message}`, {
    cause,
    remedy: 'give the path of a file or of a folder',
  });

/** A character for each byte: the files of a kernel, and mails, have many encodings. */
const textOf = (bytes: Buffer): string => bytes.toString('latin1');
