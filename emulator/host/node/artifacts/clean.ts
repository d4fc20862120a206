// SPDX-License-Identifier: MIT
/** Makes room in the cache. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RigError } from '../../../machine/errors.js';
import { ARTIFACT, keptFor, removeOldKept } from './kept.js';
import { removeWhole } from './remove.js';
import { heldLocks, removeStaleLocks } from './lock.js';
import { removeLeftovers } from './store.js';

export interface CleanRequest {
  readonly cacheDir: string;
  /** Names of the artifact folders that are kept; 'nothing' removes everything that Snapback has made. */
  readonly keep: ReadonlySet<string> | 'nothing';
  /** Only report what would be removed. */
  readonly dryRun: boolean;
  /** Checkpoints unused for this long are removed. */
  readonly checkpointAgeMs: number;
  readonly nowMs: number;
}

export interface Cleaned {
  /**
   * The removed items (in a dry run, those that would be removed), with the bytes that they used on the host's disk.
   */
  readonly removed: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  readonly keptBytes: number;
}

const WHOLE_ARTIFACT = new RegExp(`^${ARTIFACT.source}$`);
const CHECKPOINTS = 'checkpoints';
/** Folder of remembered answers. */
export const REMEMBERED = 'remembered';
/** Folders that are removed only with everything else: a few answers, and a newer Node where the host's is too old. */
const LASTING = ['node', REMEMBERED];

/**
 * Removes artifacts that nobody needs any more and unfinished work for such, locks and half-built folders of processes
 * that are gone, and old checkpoints. Whatever else lies in the folder stays.
 * @throws RigError while another process builds something: it may be about to use what would go. A dry run disturbs
 *   nobody.
 */
export async function cleanCache(request: CleanRequest): Promise<Cleaned> {
  const { cacheDir, keep, dryRun, nowMs } = request;
  if (!existsSync(cacheDir)) return { removed: [], bytes: 0, keptBytes: 0 };
  const held = [...(await heldLocks(cacheDir))];
  if (held[0] && !dryRun)
    throw new RigError(`process ${held[0][1]} is building ${held[0][0]} in ${cacheDir}`, {
      remedy: 'wait until it is done, or stop it; nothing was removed',
    });
  const removed: { name: string; bytes: number }[] = [];
  let keptBytes = 0;
  for (const name of (await readdir(cacheDir)).sort()) {
    const artifact = WHOLE_ARTIFACT.test(name) ? name : keptFor(name);
    if (artifact === undefined) continue;
    const bytes = await bytesOnDisk(join(cacheDir, name));
    if (keep !== 'nothing' && keep.has(artifact)) {
      keptBytes += bytes;
      continue;
    }
    removed.push({ name, bytes });
    if (!dryRun) await removeWhole(join(cacheDir, name));
  }
  removed.push(...(await oldCheckpoints(request)));
  for (const name of keep === 'nothing' ? LASTING : []) {
    const path = join(cacheDir, name);
    if (!existsSync(path)) continue;
    removed.push({ name, bytes: await bytesOnDisk(path) });
    if (!dryRun) await rm(path, { recursive: true, force: true });
  }
  if (!dryRun) {
    await removeStaleLocks(cacheDir);
    await removeLeftovers(cacheDir);
    await removeOldKept(cacheDir, nowMs);
  }
  return { removed, bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0), keptBytes };
}

async function oldCheckpoints({
  cacheDir,
  keep,
  dryRun,
  checkpointAgeMs,
  nowMs,
}: CleanRequest): Promise<readonly { name: string; bytes: number }[]> {
  const dir = join(cacheDir, CHECKPOINTS);
  const removed: { name: string; bytes: number }[] = [];
  for (const name of existsSync(dir) ? (await readdir(dir)).sort() : []) {
    const { blocks, mtimeMs } = await lstat(join(dir, name));
    const partialOf = /^\.partial-(\d+)-/.exec(name)?.[1];
    const goes =
      partialOf === undefined
        ? keep === 'nothing' || nowMs - mtimeMs > checkpointAgeMs
        : !existsSync(`/proc/${partialOf}`);
    if (!goes) continue;
    removed.push({ name: join(CHECKPOINTS, name), bytes: blocks * 512 });
    if (!dryRun) await rm(join(dir, name), { force: true });
  }
  return removed;
}

/** The disk space that a folder uses. Images are sparse, so it can be less than their sizes. */
export async function bytesOnDisk(dir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    bytes += (await lstat(join(entry.parentPath, entry.name))).blocks * 512;
  return bytes;
}
