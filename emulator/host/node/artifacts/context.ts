// SPDX-License-Identifier: MIT
/** The context of every build step: the place of the cache, the report of progress, and the signal to stop. */
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { RigError } from '../../../machine/errors.js';

export interface BuildContext {
  /** Root of the cache; see {@link defaultCacheDir}. */
  readonly cacheDir: string;
  /** Root of another cache, which is only read: what is there is not built. See {@link sharedCacheDir}. */
  readonly sharedCacheDir?: string;
  /** Reports the present step and its progress: `fraction` from 0 to 1 where known. */
  readonly progress: (what: string, fraction?: number) => void;
  /** Aborts when the user asks to stop; every child process must end with it. */
  readonly signal: AbortSignal;
  /** Nothing is to be built: each artifact's folder is told, and one that is not there is an {@link AbsentError}. */
  readonly look?: (dir: string) => void;
}

/** Something is not in the cache, and was not to be built. */
export class AbsentError extends Error {}

/** Absolute path of `SNAPBACK_CACHE`, else of `$XDG_CACHE_HOME/snapback`, else of `~/.cache/snapback`. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const own = env['SNAPBACK_CACHE'];
  if (own !== undefined && own !== '') return resolve(own);
  const xdg = env['XDG_CACHE_HOME'];
  return resolve(xdg !== undefined && xdg !== '' ? xdg : join(homeDir(env), '.cache'), 'snapback');
}

/** Absolute path of `SNAPBACK_SHARED_CACHE`, which other hosts may have filled; undefined when that is not set. */
export function sharedCacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const shared = env['SNAPBACK_SHARED_CACHE'];
  return shared === undefined || shared === '' ? undefined : resolve(shared);
}

/** The caches of this host, as a part of a {@link BuildContext}. */
export function caches(): Pick<BuildContext, 'cacheDir' | 'sharedCacheDir'> {
  const shared = sharedCacheDir();
  return { cacheDir: defaultCacheDir(), ...(shared !== undefined && { sharedCacheDir: shared }) };
}

/** @throws RigError when neither HOME nor the host's list of users names one. */
function homeDir({ HOME }: Readonly<Record<string, string | undefined>>): string {
  if (HOME !== undefined && HOME !== '') return HOME;
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw new RigError('cannot tell where the cache is: HOME is empty, and this host knows no home of yours', {
      cause,
      remedy: 'name a folder with SNAPBACK_CACHE',
    });
  }
}
