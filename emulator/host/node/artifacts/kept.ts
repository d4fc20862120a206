// SPDX-License-Identifier: MIT
/**
 * Unfinished work of an interrupted build in the cache, with which the next build of the same artifact continues.
 *
 * The folder is beside the artifact's place. Its name contains the artifact's key, so a build with other inputs starts
 * again. Its name also contains the boot id of the host: after a crash of the host, the last writes may be missing on
 * the disk, and a file with the right name and time may be empty. A folder of another boot is therefore removed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { heldLocks } from './lock.js';
import { removeWhole } from './remove.js';

export interface KeptWork {
  /**
   * Path of the folder `name`, which is kept when the build is interrupted. The first time, `prepare` fills it at
   * another place and it is then renamed, so it is always complete. Programs of a killed build may still write to it:
   * run yours with {@link KeptWork.lock} as their `lock`.
   */
  readonly folder: (name: string, prepare?: (dir: string) => Promise<void>) => Promise<string>;
  /** A file for `flock`. The process that holds the lock has exclusive use of the folders. */
  readonly lock: string;
}

/** Unfinished work is kept for a day. After that a continuation is unlikely. */
const KEPT_MS = 24 * 3_600_000;
/** The form of the names that the store gives to artifacts: `kernel-x86_64-release-` and a key. */
export const ARTIFACT = /[a-z0-9_-]+-[0-9a-f]{20}/;
const KEPT = new RegExp(`^(${ARTIFACT.source})\\.([0-9a-f]{32})\\.kept$`);
const LOCK = 'lock';

/** Name of the artifact whose unfinished work is in the folder `name`; undefined for any other folder. */
export const keptFor = (name: string): string | undefined => KEPT.exec(name)?.[1];

/** Path of the unfinished work for the artifact at `dir`. */
export const keptPath = (dir: string): string => `${dir}.${bootId()}.kept`;

/** The unfinished work for the artifact at `dir`. Folders are prepared under `scratch`. */
export function keptWork(dir: string, scratch: string): KeptWork {
  const home = keptPath(dir);
  return {
    lock: join(home, LOCK),
    folder: async (name, prepare) => {
      const folder = join(home, name);
      await mkdir(home, { recursive: true });
      // Its age counts from the last build that used it.
      await utimes(home, new Date(), new Date());
      if (existsSync(folder)) return folder;
      const preparing = join(scratch, 'preparing', name);
      await mkdir(preparing, { recursive: true });
      await prepare?.(preparing);
      await mkdir(dirname(folder), { recursive: true });
      await rename(preparing, folder);
      return folder;
    },
  };
}

/** Removes the unfinished work for the artifact at `dir`. */
export function dropKept(dir: string): Promise<void> {
  return removeWhole(keptPath(dir));
}

/** Removes unfinished work of other boots of this host, and work that no build has used for a day. */
export async function removeOldKept(cacheDir: string, nowMs: number): Promise<void> {
  const held = await heldLocks(cacheDir);
  for (const name of await readdir(cacheDir)) {
    const [, artifact, boot] = KEPT.exec(name) ?? [];
    if (artifact === undefined || held.has(artifact)) continue;
    const path = join(cacheDir, name);
    const usedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? nowMs;
    if (boot !== bootId() || nowMs - usedMs > KEPT_MS) await removeWhole(path);
  }
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
