// SPDX-License-Identifier: MIT
/** Writes the page's files to a folder that any web server can deliver. A list in the folder names all of them. */
import { readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../emulator/host/node/make-folder.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { contentOf, sha256, type PageFiles } from './files.js';

/** Name of the list. A folder that has it is an earlier site. */
export const SITE_LIST = 'site.json';

/** The list: what was written. */
export interface SiteList {
  readonly format: 'snapback-site-1';
  /** Version of Snapback. */
  readonly version: string;
  /** False while files are being written. */
  readonly complete: boolean;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

/**
 * Checks before any work that `dir` can become a site: it is absent, empty, or an earlier site.
 * @throws InputError when it is something else.
 */
export async function checkSiteFolder(dir: string): Promise<void> {
  await earlierSite(dir);
}

/**
 * Writes `files` and their list to `dir`. Of an earlier site, the files on its list that are no longer needed are removed;
 * other files stay. When this is interrupted, the folder is still an earlier site, so that it can be repeated.
 * @throws InputError when the folder is neither empty nor an earlier site, RigError when it cannot be written.
 */
export async function writeSite(dir: string, files: PageFiles, version: string): Promise<SiteList> {
  const earlier = await earlierSite(dir);
  const contents = new Map(
    await Promise.all([...files].map(async ([path, file]) => [path, await contentOf(file)] as const)),
  );
  const written = [...contents].map(([path, bytes]) => ({ path, bytes: bytes.length, sha256: sha256(bytes) }));
  const old = (earlier?.files ?? []).filter(({ path }) => !files.has(path));
  const list: SiteList = { format: 'snapback-site-1', version, complete: true, files: written };
  try {
    await makeFolder(dir);
    await place(join(dir, SITE_LIST), asText({ ...list, complete: false, files: [...written, ...old] }));
    for (const [path, bytes] of contents) {
      await makeFolder(dirname(join(dir, path)));
      await place(join(dir, path), bytes);
    }
    for (const { path } of old) {
      await rm(join(dir, path), { force: true });
      // A folder that holds something else stays.
      if (dirname(path) !== '.') await rmdir(dirname(join(dir, path))).catch(() => undefined);
    }
    await place(join(dir, SITE_LIST), asText(list));
  } catch (cause) {
    throw new RigError(`cannot write the site to ${dir}`, {
      cause,
      remedy: 'name a folder that you can write to, with room for it, and run the command again',
    });
  }
  return list;
}

const asText = (list: SiteList): Uint8Array => new TextEncoder().encode(`${JSON.stringify(list, undefined, 2)}\n`);

/** In one step: a server may be delivering the earlier file. */
async function place(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** The list of the site in `dir`; undefined when the folder is absent or empty. */
async function earlierSite(dir: string): Promise<SiteList | undefined> {
  let names: readonly string[];
  try {
    names = await readdir(dir);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new InputError(`cannot use ${dir} as the folder of the site`, { cause, remedy: 'name another folder' });
  }
  // What was left by an interruption before there was a list.
  if (names.every((name) => name === `${SITE_LIST}.partial`)) return undefined;
  const text = await readFile(join(dir, SITE_LIST), 'utf8').catch(() => undefined);
  const list = text === undefined ? undefined : readList(text);
  if (list) return list;
  throw new InputError(
    text === undefined
      ? `${dir} is not empty, and is not an earlier site`
      : `${join(dir, SITE_LIST)} is not the list of an earlier site`,
    { remedy: 'name a folder that is empty or absent' },
  );
}

/** Undefined when the text is not a list, or names files outside its folder. */
function readList(text: string): SiteList | undefined {
  let list: Partial<SiteList> | null;
  try {
    list = JSON.parse(text) as Partial<SiteList> | null;
  } catch {
    return undefined;
  }
  if (list?.format !== 'snapback-site-1' || !Array.isArray(list.files)) return undefined;
  const isInside = (file: { readonly path?: unknown } | null): boolean =>
    typeof file?.path === 'string' && /^(?:(?:machine|parts)\/)?[\w-][\w.-]*$/.test(file.path);
  return list.files.every(isInside) ? (list as SiteList) : undefined;
}
