// SPDX-License-Identifier: MIT
/** What every build step is given: where the cache is, how to tell people, and when to stop. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface BuildContext {
  /** Root of the cache; see {@link defaultCacheDir}. */
  readonly cacheDir: string;
  /** Says what is being done, and how far it is: `fraction` from 0 to 1 where known. */
  readonly progress: (what: string, fraction?: number) => void;
  /** Aborts when the user asks to stop; every child process must end with it. */
  readonly signal: AbortSignal;
  /** Nothing is to be built: each artifact's folder is told, and one that is not there is an {@link AbsentError}. */
  readonly look?: (dir: string) => void;
}

/** Something is not in the cache, and was not to be built. */
export class AbsentError extends Error {}

/** `SNAPBACK_CACHE`, else `$XDG_CACHE_HOME/snapback`, else `~/.cache/snapback`. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const own = env['SNAPBACK_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'snapback');
}
