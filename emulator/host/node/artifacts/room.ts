// SPDX-License-Identifier: MIT
/** Checks whether folders of this host can be written to, and their free space. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface FolderState {
  readonly dir: string;
  /** The reason why the folder cannot be written to. */
  readonly problem: string | undefined;
  readonly freeBytes: number;
  readonly neededBytes: number;
}

/** Space that is needed while kernels are built. Afterwards only a fraction remains used. */
const BUILD_BYTES = 4e9;
/** Space for checkpoints and for altered disks. */
const RUN_BYTES = 1e9;

/** The state of the cache folder, which need not exist yet. */
export async function lookAtCache(cacheDir: string): Promise<FolderState> {
  const names = await readdir(cacheDir).catch((): string[] => []);
  return lookAtFolder(
    cacheDir,
    names.some((name) => /^kernel-release-[0-9a-f]{20}$/.test(name)) ? RUN_BYTES : BUILD_BYTES,
  );
}

/** The state of a folder, or of its nearest existing parent. */
export async function lookAtFolder(dir: string, neededBytes: number): Promise<FolderState> {
  let there = resolve(dir);
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there);
  const { bavail, bsize } = await statfs(there);
  const problem = await mkdtemp(join(there, '.snapback-probe-')).then(
    async (probe) => {
      await rm(probe, { recursive: true });
      return undefined;
    },
    (error: Error) => error.message,
  );
  return { dir, problem, freeBytes: bavail * bsize, neededBytes };
}
