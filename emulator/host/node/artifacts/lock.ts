// SPDX-License-Identifier: MIT
/**
 * Locks between processes by files: a lock belongs to a process for as long as it lives.
 *
 * They save work; correctness does not depend on them. If two processes hold the same lock (which can happen when a
 * process dies during a takeover), they build the same artifact twice, each in its own folder.
 */
import { link, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 200;

let serial = 0;

/**
 * Waits until this process has the lock file at `path`. Returns the function that releases it. A lock of a process that
 * no longer exists is taken over. `onWait` is called repeatedly with the process that holds the lock. Rejects when
 * `signal` aborts, or when the folder cannot be written.
 */
export async function lockFile(
  path: string,
  signal: AbortSignal,
  onWait: (pid: number) => void,
): Promise<() => Promise<void>> {
  const token = `${process.pid} ${startOf(process.pid) ?? 0} ${serial++}`;
  // The file is linked into place, so that it never exists without its content.
  const own = `${path}.${process.pid}-${serial}`;
  await writeFile(own, token);
  try {
    for (let waits = 0; ; waits++) {
      signal.throwIfAborted();
      try {
        await place(own, path, token);
        return () => giveBack(path, token);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await readToken(path);
      if (holder === undefined) continue;
      if (holder !== '' && !isHeld(holder)) {
        await removeStale(path, holder, `${own}-stale`);
        continue;
      }
      if (waits % 50 === 0) onWait(pidOf(holder));
      await sleep(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** The running processes that hold locks in `dir`, by the name of the locked artifact. */
export async function heldLocks(dir: string): Promise<ReadonlyMap<string, number>> {
  const held = new Map<string, number>();
  for (const name of (await readdir(dir)).filter((one) => one.endsWith('.lock'))) {
    const token = await readToken(join(dir, name));
    if (token !== undefined && token !== '' && isHeld(token)) held.set(name.slice(0, -'.lock'.length), pidOf(token));
  }
  return held;
}

/** Removes the locks in `dir` whose processes no longer exist, and the files that these had prepared for locking. */
export async function removeStaleLocks(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const owner = /\.lock\.(\d+)-\d+(?:-stale)?$/.exec(name)?.[1];
    if (owner !== undefined && startOf(Number(owner)) === undefined) await rm(path, { force: true });
    if (!name.endsWith('.lock')) continue;
    const token = await readToken(path);
    if (token !== undefined && token !== '' && !isHeld(token))
      await removeStale(path, token, `${path}.${process.pid}-${serial++}-stale`);
  }
}

/** Puts the lock file into its place, unless one is there (EEXIST). */
async function place(own: string, path: string, token: string): Promise<void> {
  try {
    await link(own, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A filesystem without hard links: for a moment the file exists without its content.
    await writeFile(path, token, { flag: 'wx' });
  }
}

async function giveBack(path: string, token: string): Promise<void> {
  if ((await readToken(path)) === token) await rm(path, { force: true });
}

/**
 * Only one of several processes can move the file away. If another process has taken over the lock in the meantime,
 * this one moves the file back.
 */
async function removeStale(path: string, stale: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
    if ((await readToken(aside)) !== stale) await link(aside, path);
  } catch {
    // Another process was faster: the next attempt reads its lock.
  } finally {
    await rm(aside, { force: true });
  }
}

async function readToken(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

const pidOf = (token: string): number => Number(token.split(' ')[0]);

/** A process id may have been reused: the start time of the process decides. */
function isHeld(token: string): boolean {
  const [pid, start] = token.split(' ');
  const now = startOf(Number(pid));
  return now !== undefined && (start === undefined || start === '0' || start === now);
}

/** Start time of a process, in clock ticks since the host's boot; undefined when no process has this id. */
function startOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    // The name of the program is in parentheses and may contain any character.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
