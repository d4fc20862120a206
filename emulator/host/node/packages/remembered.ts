// SPDX-License-Identifier: MIT
/**
 * Answers of apt, remembered in the cache. An answer is valid until one of the files changes on which it depends: apt's
 * package lists, sources, preferences and configuration, and the state of dpkg. Names, sizes and modification times
 * are compared. apt itself is not called, because it takes about a second for the simplest question.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildContext } from '../artifacts/context.js';
import { REMEMBERED } from '../artifacts/clean.js';
import { makeFolder } from '../make-folder.js';
import { command } from '../process.js';

interface Remembered {
  /** Files and folders on which apt's answers depend, as apt itself named them. */
  readonly places: readonly string[];
  readonly key: string;
  readonly answer: string;
}

/** apt's names of the places that its answers depend on: `/f` for a file, `/d` for a folder. */
const PLACES = [
  'Dir::State::lists/d',
  'Dir::State::status/f',
  'Dir::Etc::sourcelist/f',
  'Dir::Etc::sourceparts/d',
  'Dir::Etc::preferences/f',
  'Dir::Etc::preferencesparts/d',
  'Dir::Etc::main/f',
  'Dir::Etc::parts/d',
];
/** The file that names the Debian release, by which sources are chosen. */
const RELEASE = '/etc/os-release';

/**
 * The answer to `question`, which must be a legal file name: the last result of `ask`, or a new one when a file has
 * changed on which apt's answers depend. A cache that cannot be written is no error: `ask` is then called each time.
 */
export async function rememberedAnswer(
  question: string,
  context: BuildContext,
  ask: () => Promise<string>,
): Promise<string> {
  const path = join(context.cacheDir, REMEMBERED, `${question}.json`);
  // With `look` the caller needs every artifact that the answer depends on. Only `ask` reports these.
  const last = context.look ? undefined : await readAnswer(path);
  if (last && last.key === (await keyOf(last.places))) return last.answer;
  const places = await placesOf(context);
  // Computed before the question, so that after a change during it the next start asks again.
  const key = await keyOf(places);
  const answer = await ask();
  if (!context.look) await keep(path, { places, key, answer });
  return answer;
}

async function readAnswer(path: string): Promise<Remembered | undefined> {
  try {
    const { places, key, answer } = JSON.parse(await readFile(path, 'utf8')) as Partial<Remembered>;
    return Array.isArray(places) && typeof key === 'string' && typeof answer === 'string'
      ? { places, key, answer }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The places on which the answers of this host's apt depend. */
async function placesOf(context: BuildContext): Promise<readonly string[]> {
  const { stdout } = await command(
    'apt-config',
    ['shell', ...PLACES.flatMap((place, n) => [`PLACE${n}`, place])],
    context,
    {
      remedy: 'apt is needed to fetch the kernel source',
    },
  );
  const named = [...stdout.matchAll(/^PLACE\d+='(.+)'$/gm)].map(([, place]) => place ?? '');
  const own = process.env['APT_CONFIG'];
  return [...named, ...(own === undefined || own === '' ? [] : [own]), RELEASE];
}

/** Changes when a file of these places is added, removed or altered, and when another configuration is named. */
async function keyOf(places: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.env['APT_CONFIG'] ?? '');
  for (const place of places) {
    hash.update(`\n${place}`);
    for (const file of await filesIn(place)) {
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() === true) hash.update(`\n${basename(file)}\0${found.size}\0${found.mtimeMs}`);
    }
  }
  return hash.digest('hex');
}

/** The place itself when it is a file or does not exist. */
async function filesIn(place: string): Promise<readonly string[]> {
  const names = await readdir(place).catch(() => undefined);
  return names?.sort().map((name) => join(place, name)) ?? [place];
}

async function keep(path: string, answer: Remembered): Promise<void> {
  const partial = `${path}.${process.pid}`;
  try {
    await makeFolder(dirname(path));
    await writeFile(partial, JSON.stringify(answer, null, 2));
    await rename(partial, path);
  } catch {
    await rm(partial, { force: true }).catch(() => undefined);
  }
}
