// SPDX-License-Identifier: MIT
/**
 * The artifact store: folders of built files, each named by a hash over everything that went into it.
 *
 * A folder appears whole or not at all (built beside its place, then renamed), carries a manifest with
 * the SHA-256 of each file, and is rebuilt when a file is missing or altered. Two processes that want the
 * same artifact build it once: the second waits for the first.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { RigError } from '../../emulator/machine/errors.js';
import type { BuildContext } from './context.js';

export interface Recipe {
  /** Short name, a legal file name: `kernel-release`. */
  readonly name: string;
  /** Everything that determines the result: file contents, versions, options. */
  readonly inputs: Readonly<Record<string, string | Uint8Array>>;
  /** Fills `dir`. May leave files elsewhere under `scratch`, which is removed afterwards. */
  readonly build: (dir: string, scratch: string, context: BuildContext) => Promise<void>;
}

export interface Artifact {
  readonly name: string;
  readonly key: string;
  /** Absolute path of the folder. */
  readonly dir: string;
  /** SHA-256 (hex) of each file, by path relative to `dir`. */
  readonly sha256: Readonly<Record<string, string>>;
}

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

/**
 * The artifact of `recipe`, from the cache or built now.
 * @throws RigError when the build fails; the cache is then as before.
 */
export async function obtain(recipe: Recipe, context: BuildContext): Promise<Artifact> {
  const key = recipeKey(recipe);
  const dir = join(context.cacheDir, `${recipe.name}-${key}`);
  const present = await check(dir);
  if (present) return { name: recipe.name, key, dir, sha256: present };
  await mkdir(context.cacheDir, { recursive: true });
  const release = await lock(`${dir}.lock`, recipe.name, context);
  try {
    const meanwhile = await check(dir);
    if (meanwhile) return { name: recipe.name, key, dir, sha256: meanwhile };
    const partial = `${dir}.partial`;
    const scratch = `${dir}.scratch`;
    await Promise.all([partial, scratch, dir].map((path) => rm(path, { recursive: true, force: true })));
    try {
      await mkdir(partial, { recursive: true });
      await mkdir(scratch, { recursive: true });
      await recipe.build(partial, scratch, context);
      context.signal.throwIfAborted();
      const manifest = await describe(partial);
      await writeFile(join(partial, MANIFEST), JSON.stringify(manifest, null, 2));
      await rename(partial, dir);
      return { name: recipe.name, key, dir, sha256: digests(manifest) };
    } finally {
      await Promise.all([partial, scratch].map((path) => rm(path, { recursive: true, force: true })));
    }
  } finally {
    await release();
  }
}

/** SHA-256 (hex) of a file. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
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
 * A file whose size and modification time are the manifest's is taken as unaltered; any other is hashed.
 */
async function check(dir: string): Promise<Record<string, string> | undefined> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')) as Manifest;
    for (const [path, file] of Object.entries(manifest.files)) {
      const { size, mtimeMs } = await stat(join(dir, path));
      if (size !== file.sizeBytes) return undefined;
      if (mtimeMs !== file.mtimeMs && (await hashFile(join(dir, path))) !== file.sha256) return undefined;
    }
  } catch {
    return undefined;
  }
  return digests(manifest);
}

function digests(manifest: Manifest): Record<string, string> {
  return Object.fromEntries(Object.entries(manifest.files).map(([path, file]) => [path, file.sha256]));
}

/** A lock file that holds its owner's pid; one whose owner is gone is taken over. */
async function lock(path: string, what: string, context: BuildContext): Promise<() => Promise<void>> {
  for (let waitedMs = 0; ; waitedMs += 500) {
    context.signal.throwIfAborted();
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new RigError(`cannot write to the cache folder ${context.cacheDir}`, {
          cause: error,
          remedy: 'make it writable, or name another with SNAPBACK_CACHE',
        });
      }
      const owner = Number(await readFile(path, 'utf8').catch(() => '0'));
      if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
      else if (waitedMs % 10_000 === 0) context.progress(`waiting for process ${owner}, which is building ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
