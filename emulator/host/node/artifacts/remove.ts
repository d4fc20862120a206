// SPDX-License-Identifier: MIT
/** Removal of folders of the cache in one step, so that no process finds part of an artifact or of unfinished work. */
import { rename, rm } from 'node:fs/promises';

/** Matches folders that a killed process has left: unfinished artifacts, and folders that it was removing. */
const LEFTOVER = /-[0-9a-f]{20}(?:\.[0-9a-f]{32}\.kept)?\.(\d+)\.(?:partial|scratch)$/;

/** Number of the process that the folder `name` belongs to; undefined for folders that are no leftovers. */
export const leftoverOf = (name: string): string | undefined => LEFTOVER.exec(name)?.[1];

/** Removes a folder. If this is interrupted, the rest has a name that {@link leftoverOf} knows. */
export async function removeWhole(dir: string): Promise<void> {
  const aside = `${dir}.${process.pid}.partial`;
  try {
    await rename(dir, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true, maxRetries: 5 });
}
