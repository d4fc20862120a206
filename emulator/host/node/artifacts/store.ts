// SPDX-License-Identifier: MIT
/**
 * The artifact store: folders of built files, each named by a hash over all of its inputs.
 *
 * A folder is complete or absent (built beside its place, then renamed), has a manifest with
 * the SHA-256 of each file, and is rebuilt when a file is missing or altered. Two processes that want the
 * same artifact build it once: the second waits for the first.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { RigError } from '../../../machine/errors.js';
import { makeFolder } from '../make-folder.js';
import { AbsentError, type BuildContext } from './context.js';
import { dropKept, keptPath, keptWork, removeOldKept, type KeptWork } from './kept.js';
import { leftoverOf } from './remove.js';
import { lockFile, removeStaleLocks } from './lock.js';

export interface Recipe {
  /** Short name, a legal file name: `kernel-release`. */
  readonly name: string;
  /** Everything that determines the result: file contents, versions, options. */
  readonly inputs: Readonly<Record<string, string | Uint8Array>>;
  /**
   * Fills `dir`. It may leave other files under `scratch`, which is removed afterwards, and under `kept`. `kept` is
   * removed too, unless the build is interrupted: then the next build continues with it.
   */
  readonly build: (dir: string, scratch: string, context: BuildContext, kept: KeptWork) => Promise<void>;
  /** The build checks the contents of `kept` (by digests, for example), so that `kept` stays after a failure, too. */
  readonly keepsAfterFailure?: boolean;
}

export interface Artifact {
  readonly name: string;
  readonly key: string;
  /** Absolute path of the folder. */
  readonly dir: string;
  /** SHA-256 (hex) of each file, by path relative to `dir`. */
  readonly sha256: Readonly<Record<string, string>>;
}

type Caches = Pick<BuildContext, 'cacheDir' | 'sharedCacheDir'>;

interface Manifest {
  readonly files: Record<string, { sha256: string; sizeBytes: number; mtimeMs: number }>;
}

const MANIFEST = 'manifest.json';

/** Hash over names and contents of the inputs, independent of their order. */
export function recipeKey(recipe: Pick<Recipe, 'name' | 'inputs'>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(recipe.inputs).sort()) {
    const value = recipe.inputs[name] ?? '';
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex').slice(0, 20);
}

/** Builds under way in this process, by folder. */
const underWay = new Map<string, Promise<Artifact>>();

/**
 * The artifact of `recipe`, from the cache, from the one that is shared and only read, or built now.
 * @throws RigError when the build fails; the cache is then as before.
 */
export async function obtain(recipe: Recipe, context: BuildContext): Promise<Artifact> {
  const key = recipeKey(recipe);
  const dir = join(context.cacheDir, `${recipe.name}-${key}`);
  const artifact = (sha256: Artifact['sha256'], at = dir): Artifact => ({ name: recipe.name, key, dir: at, sha256 });
  context.look?.(dir);
  for (const at of placesOf(basename(dir), context)) {
    const present = await check(at);
    if (present) return artifact(present, at);
  }
  if (context.look) throw new AbsentError(`${recipe.name} is not in the cache`);
  const others = underWay.get(dir);
  if (others) return others;
  const building = make(recipe, dir, context).then((sha256) => artifact(sha256));
  underWay.set(dir, building);
  try {
    return await building;
  } catch (error) {
    throw (await explain(error, context)) ?? error;
  } finally {
    underWay.delete(dir);
  }
}

/** Where the artifact of this name may be, the cache first. */
const placesOf = (name: string, { cacheDir, sharedCacheDir }: Caches): readonly string[] =>
  [cacheDir, sharedCacheDir].flatMap((root) => (root === undefined ? [] : [join(root, name)]));

/** The folder of an artifact, by the name of that, on this host: in the cache, unless it is in the shared one only. */
export function folderOf(name: string, context: Caches): string {
  const [own = '', ...others] = placesOf(name, context);
  return existsSync(own) ? own : (others.find((place) => existsSync(place)) ?? own);
}

async function make(recipe: Recipe, dir: string, context: BuildContext): Promise<Record<string, string>> {
  await makeFolder(context.cacheDir);
  const release = await lockFile(`${dir}.lock`, context.signal, (pid) =>
    context.progress(`waiting for process ${pid}, which is building ${recipe.name}`),
  );
  // The folder belongs to this process alone, so a build of the same artifact in another process cannot interfere.
  const partial = `${dir}.${process.pid}.partial`;
  const scratch = `${dir}.${process.pid}.scratch`;
  try {
    const meanwhile = await check(dir);
    if (meanwhile) return meanwhile;
    await removeLeftovers(context.cacheDir);
    await removeOldKept(context.cacheDir, Date.now());
    await removeStaleLocks(context.cacheDir);
    await mkdir(partial);
    await mkdir(scratch);
    await buildOnce(recipe, dir, { partial, scratch }, context);
    context.signal.throwIfAborted();
    const manifest = await describe(partial);
    await writeFile(join(partial, MANIFEST), JSON.stringify(manifest, null, 2));
    await rm(dir, { recursive: true, force: true });
    await rename(partial, dir);
    await dropKept(dir);
    return digests(manifest);
  } finally {
    await Promise.all([partial, scratch].map((path) => rm(path, { recursive: true, force: true })));
    await release();
  }
}

/**
 * Builds, and decides after a failure which files are kept. A failure that follows from unfinished work (a killed program
 * can leave a file that is cut off) is not the user's: the build then starts again without that work.
 */
async function buildOnce(
  recipe: Recipe,
  dir: string,
  { partial, scratch }: { readonly partial: string; readonly scratch: string },
  context: BuildContext,
): Promise<void> {
  const continues = existsSync(keptPath(dir));
  try {
    await recipe.build(partial, scratch, context, keptWork(dir, scratch));
  } catch (error) {
    const stays = context.signal.aborted || (recipe.keepsAfterFailure === true && !meansFullDisk(error));
    if (!stays) await dropKept(dir);
    if (stays || !continues || meansFullDisk(error)) throw error;
    context.progress(`${recipe.name}: the interrupted build cannot be continued; starting again`);
    for (const folder of [partial, scratch]) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
    }
    await buildOnce(recipe, dir, { partial, scratch }, context);
  }
}

/** Removes the unfinished files of killed processes. */
export async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const owner = leftoverOf(name);
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

/** SHA-256 (hex) of a file. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

/** Is there a file at `path` with this SHA-256 (hex)? */
export async function isFile(path: string, sha256: string): Promise<boolean> {
  return existsSync(path) && (await hashFile(path)) === sha256;
}

async function describe(dir: string): Promise<Manifest> {
  const files: Manifest['files'] = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(path);
    files[relative(dir, path)] = { sha256: await hashFile(path), sizeBytes: size, mtimeMs };
  }
  return { files };
}

/**
 * The digests when all files are there and unaltered, else undefined.
 * A file with the size and modification time of the manifest counts as unaltered. Any other file is hashed once; the
 * manifest then gets the new time.
 */
async function check(dir: string): Promise<Record<string, string> | undefined> {
  let manifest: Manifest;
  let learned = false;
  try {
    manifest = JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')) as Manifest;
    for (const [path, file] of Object.entries(manifest.files)) {
      const { size, mtimeMs } = await stat(join(dir, path));
      if (size !== file.sizeBytes) return undefined;
      if (mtimeMs === file.mtimeMs) continue;
      if ((await hashFile(join(dir, path))) !== file.sha256) return undefined;
      file.mtimeMs = mtimeMs;
      learned = true;
    }
  } catch {
    return undefined;
  }
  // A read-only cache works too, but slower.
  if (learned) await replaceFile(join(dir, MANIFEST), JSON.stringify(manifest, null, 2)).catch(() => undefined);
  return digests(manifest);
}

async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.${process.pid}`;
  await writeFile(next, text);
  await rename(next, path);
}

function digests(manifest: Manifest): Record<string, string> {
  return Object.fromEntries(Object.entries(manifest.files).map(([path, file]) => [path, file.sha256]));
}

/** Node's error codes for a folder that is read-only, is a file, or cannot exist. */
const UNUSABLE_FOLDER: ReadonlySet<string> = new Set([
  'EACCES',
  'EROFS',
  'EPERM',
  'ENOTDIR',
  'ENOENT',
  'EEXIST',
  'ELOOP',
  'ENAMETOOLONG',
  'EIO',
]);

/** The error for people when the cache folder itself is the cause. */
async function explain(error: unknown, context: BuildContext): Promise<RigError | undefined> {
  if (context.signal.aborted) return undefined;
  const full = new RigError(`the disk that holds the cache folder ${context.cacheDir} is full`, {
    cause: error,
    remedy:
      'free some space (a complete cache needs about 4 GB while it is built), or name another folder with SNAPBACK_CACHE',
  });
  if (meansFullDisk(error)) return full;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== undefined && UNUSABLE_FOLDER.has(code)) {
      if (await isWritable(context.cacheDir)) return undefined;
      return new RigError(`cannot write to the cache folder ${context.cacheDir}: ${cause.message}`, {
        cause: error,
        remedy: 'make it a folder that can be written, or name another with SNAPBACK_CACHE',
      });
    }
  }
  return undefined;
}

function meansFullDisk(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Child processes can only say it.
    if (code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device|Disk quota exceeded/.test(cause.message))
      return true;
  }
  return false;
}

/** Can files be made in `dir`? A folder that is not there can be made later, or not. */
export async function isWritable(dir: string): Promise<boolean> {
  const probe = join(dir, `.probe-${process.pid}-${randomUUID()}`);
  try {
    await (await open(probe, 'wx')).close();
    await rm(probe);
    return true;
  } catch {
    return false;
  }
}
