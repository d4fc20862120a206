// SPDX-License-Identifier: MIT
/**
 * Tells when a worker has ended. A browser says nothing of a worker that has closed itself, nor always of one that it has ended. But it
 * releases the locks of such a worker. So the worker holds a lock for as long as it lives, and its maker waits for that lock.
 */

/** A message of a worker: it holds the lock of this name. */
export interface Holds {
  readonly holds: string;
}

/** The part of the browser's Web Locks that this file uses. The project is type-checked without the DOM's types. */
export interface Locks {
  /** Calls `hold` when the lock is free, and holds it until the promise of the answer resolves. Rejects where locks are forbidden. */
  request(name: string, hold: () => Promise<void>): Promise<void>;
}
/** Undefined where they are not to be had, so that nothing is told of an end. */
const browserLocks = (): Locks | undefined =>
  (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks;

const FOREVER = new Promise<void>(() => undefined);
const ignore = (): void => undefined;

/** In a worker: from now on its maker can notice its end. `post` sends the message. */
export function holdLock(post: (message: Holds) => void, locks = browserLocks()): void {
  if (!locks) return;
  const name = crypto.randomUUID();
  const hold = (): Promise<void> => {
    post({ holds: name });
    return FOREVER;
  };
  locks.request(name, hold).catch(ignore);
}

/** In its maker: calls `onEnd` when the worker that sent this message has ended. */
export function whenEnded({ holds }: Holds, onEnd: () => void, locks = browserLocks()): void {
  locks?.request(holds, () => Promise.resolve(onEnd())).catch(ignore);
}

/** Whether a message of a worker is this one, and none of its own. */
export const isHolds = (message: object): message is Holds => 'holds' in message;
