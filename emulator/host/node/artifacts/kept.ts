// SPDX-License-Identifier: MIT
/**
 * What an interrupted build leaves in the cache, so that the next build of the same artifact goes on from there.
 *
 * The folder lies beside the artifact's place and is named by its key: other inputs begin anew. It is also named by the
 * boot of the host: after a crash of the host, what was written last may be missing on the disk, and a file that is
 * there by name and time may be empty. A folder of another boot is therefore of no use, and goes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { heldLocks } from './lock.js';

export interface KeptWork {
  /**
   * Path of the folder `name`, which outlives an interruption. The first time `prepare` fills it elsewhere; it appears whole.
   * Programs of a build that was killed may still be at work in it: run yours with the `lock` of {@link KeptWork.lock}.
   */
  readonly folder: (name: string, prepare?: (dir: string) => Promise<void>) => Promise<string>;
  /** A file for `flock`: whoever holds it has the folders for itself. */
  readonly lock: string;
}

/** Half-done work is kept for a day; so long does somebody who interrupted a build remember it. */
const KEPT_MS = 24 * 3_600_000;
const KEPT = /^([a-z0-9-]+-[0-9a-f]{20})\.([0-9a-f]{32})\.kept$/;
const LOCK = 'lock';

/** Name of the artifact that the folder `name` holds unfinished work of; undefined for any other folder. */
export const keptFor = (name: string): string | undefined => KEPT.exec(name)?.[1];

/** Where unfinished work for the artifact at `dir` is kept. */
export const keptPath = (dir: string): string => `${dir}.${bootId()}.kept`;

/** The work kept for the artifact at `dir`; `scratch` is where folders are prepared. */
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
  return rm(keptPath(dir), { recursive: true, force: true, maxRetries: 5 });
}

/** Removes unfinished work of other boots of this host, and what nobody went on with for a day. */
export async function removeOldKept(cacheDir: string, nowMs: number): Promise<void> {
  const held = await heldLocks(cacheDir);
  for (const name of await readdir(cacheDir)) {
    const [, artifact, boot] = KEPT.exec(name) ?? [];
    if (artifact === undefined || held.has(artifact)) continue;
    const path = join(cacheDir, name);
    const usedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? nowMs;
    if (boot !== bootId() || nowMs - usedMs > KEPT_MS) await rm(path, { recursive: true, force: true, maxRetries: 5 });
  }
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
