// SPDX-License-Identifier: MIT
/**
 * Checkpoints on disk: one file per key, complete or absent. A hash is at its start; an altered file counts as absent.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteCache } from '../../cycle/boot.js';
import { RigError } from '../../machine/errors.js';
import { makeFolder } from './make-folder.js';

const HASH_BYTES = 32;
/** Upper bound of the cache. A checkpoint of the standard machine has about 30 MB. */
const CACHE_BYTES_MAX = 2e9;

/** Error codes of a read-only folder. */
const READ_ONLY: ReadonlySet<string | undefined> = new Set(['EROFS', 'EACCES', 'EPERM']);

/**
 * A cache in folder `dir`, which is made when needed. When the cache is too large, the least recently used entries are
 * removed. In a read-only folder nothing is kept; `onReadOnly` is called the first time.
 */
export function byteCache(dir: string, onReadOnly: () => void = () => undefined): ByteCache {
  let told = false;
  return {
    get: async (key) => {
      const path = join(dir, key);
      const file = await readFile(path).catch(() => undefined);
      if (!file) return undefined;
      const bytes = file.subarray(HASH_BYTES);
      if (file.length < HASH_BYTES || !digest(bytes).equals(file.subarray(0, HASH_BYTES))) {
        await rm(path, { force: true }).catch(() => undefined);
        return undefined;
      }
      // These times determine the order in which entries are removed. It does no harm when they cannot be set.
      await utimes(path, new Date(), new Date()).catch(() => undefined);
      return bytes;
    },
    put: async (key, bytes) => {
      const partial = join(dir, `.partial-${process.pid}-${randomBytes(4).toString('hex')}`);
      try {
        await makeFolder(dir);
        await makeRoom(dir, bytes.length);
        await writeFile(partial, [digest(bytes), bytes]);
        await rename(partial, join(dir, key));
      } catch (error) {
        await rm(partial, { force: true }).catch(() => undefined);
        const { code } = error as NodeJS.ErrnoException;
        if (READ_ONLY.has(code)) {
          if (!told) onReadOnly();
          told = true;
          return;
        }
        const full = code === 'ENOSPC' || code === 'EDQUOT';
        throw new RigError(full ? `no space left for a checkpoint in ${dir}` : `cannot write a checkpoint to ${dir}`, {
          cause: error,
          remedy: full
            ? 'free some space, or name another folder with SNAPBACK_CACHE'
            : 'make it writable, or name another with SNAPBACK_CACHE',
        });
      }
    },
  };
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

async function makeRoom(dir: string, bytes: number): Promise<void> {
  const entries = await Promise.all(
    (await readdir(dir)).map(async (name) => {
      const { size, mtimeMs } = await stat(join(dir, name)).catch(() => ({ size: 0, mtimeMs: 0 }));
      return { name, size, mtimeMs };
    }),
  );
  let total = entries.reduce((sum, { size }) => sum + size, bytes);
  for (const { name, size } of entries.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= CACHE_BYTES_MAX) return;
    await rm(join(dir, name), { force: true });
    total -= size;
  }
}
