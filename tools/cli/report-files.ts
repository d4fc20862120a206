// SPDX-License-Identifier: MIT
/** Checks and writes the files that options of a command name. */
import { access, constants, readlink, realpath, stat, writeFile } from 'node:fs/promises';
import { fstatSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError, RigError } from '../../emulator/machine/errors.js';

const OPTIONS = ['json', 'junit', 'ktap', 'trace', 'html', 'console', 'record', 'summary'] as const;

/** The file names by option: `json` is what `--json` names. `-` is standard output. */
export type NamedFiles = Readonly<Partial<Record<(typeof OPTIONS)[number], string>>>;

export const STDOUT = '-';
const REMEDY = 'name a file in an existing folder that you can write to';

/**
 * Checks before any work that the files can be written, that no two are the same, and that none is one of `inputs`, the
 * files that the command reads. Returns them, with `-` for every name of standard output (`/dev/stdout`, or the file
 * that it is redirected to).
 * @throws InputError that names the first that cannot be written, two that are the same file, or an input.
 */
export async function settleFiles<T extends NamedFiles>(named: T, inputs: readonly string[] = []): Promise<T> {
  const settled: Record<string, string> = {};
  const takenBy = new Map<string, string>();
  const stdout = identityOfStdout();
  const read = new Set(await Promise.all(inputs.map(identityOfInput)));
  for (const option of OPTIONS) {
    const file = named[option];
    if (file === undefined) continue;
    const identity = file === STDOUT ? stdout : await identityOf(file);
    if (identity !== undefined && read.has(identity))
      throw new InputError(
        `--${option} would overwrite ${file === STDOUT ? 'a file' : `${file}, a file`} that this command reads`,
        {
          remedy: 'name another file for the report',
        },
      );
    const isStdout = file === STDOUT || (identity !== undefined && identity === stdout);
    settled[option] = isStdout ? STDOUT : file;
    const place = isStdout ? STDOUT : identity;
    if (place === undefined) continue;
    const other = takenBy.get(place);
    if (other !== undefined)
      throw new InputError(
        isStdout
          ? `--${other} and --${option} both name standard output`
          : `--${other} and --${option} both name the file ${file}`,
        { remedy: 'give each of them a file of its own' },
      );
    takenBy.set(place, option);
  }
  return { ...named, ...settled };
}

/** The limit of Linux. */
const LINKS_MAX = 40;

/**
 * An identity that all names of a file share; undefined for a file that permits any number of writers (`/dev/null`).
 * @throws InputError when it cannot be written.
 */
async function identityOf(file: string, linksLeft = LINKS_MAX): Promise<string | undefined> {
  try {
    const there = await stat(file).catch(() => undefined);
    if (there?.isDirectory() === true) throw new Error('it is a folder');
    if (there) {
      await access(file, constants.W_OK);
      return identity(there);
    }
    const target = await readlink(file).catch(() => undefined);
    // A link to a missing file: writing creates the file.
    if (target !== undefined && linksLeft > 0) return await identityOf(resolve(dirname(file), target), linksLeft - 1);
    await access(dirname(file), constants.W_OK);
    return join(await realpath(dirname(file)), basename(file));
  } catch (cause) {
    throw new InputError(`cannot write ${file}: ${(cause as Error).message}`, { cause, remedy: REMEDY });
  }
}

/** Undefined for what is no regular file, such as a pipe: writing to it overwrites nothing. */
async function identityOfInput(file: string): Promise<string | undefined> {
  const there = await stat(file).catch(() => undefined);
  return there?.isFile() === true ? identity(there) : undefined;
}

function identityOfStdout(): string | undefined {
  try {
    return identity(fstatSync(1));
  } catch {
    // It is closed.
    return undefined;
  }
}

/** Major 1, minor 3. */
const DEV_NULL = 0x103;

const identity = (stats: Stats): string | undefined =>
  stats.isCharacterDevice() && stats.rdev === DEV_NULL ? undefined : `${stats.dev}:${stats.ino}`;

/**
 * Writes each text to its file. After a failure, the remaining texts are still written.
 * @throws RigError for the first that cannot.
 */
export async function writeFiles(texts: readonly { readonly file: string; readonly text: string }[]): Promise<void> {
  const failures: RigError[] = [];
  for (const { file, text } of texts) {
    if (file === STDOUT) process.stdout.write(text);
    else await writeFile(file, text).catch((cause: unknown) => failures.push(cannotWrite(file, cause)));
  }
  const [first] = failures;
  if (first) throw first;
}

const cannotWrite = (file: string, cause: unknown): RigError =>
  new RigError(`cannot write ${file}`, { cause, remedy: REMEDY });
