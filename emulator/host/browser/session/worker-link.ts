// SPDX-License-Identifier: MIT
/** The page's side of the session's worker: shows what it tells, and says so when it is lost. */
import { isHolds, whenEnded, type Holds } from '../../../engines/v86/host-browser/lifeline.js';
import type { Timers } from '../../../engines/v86/watchdog.js';
import type { FromSession, ToSession } from './protocol.js';
import { listen, type Silence } from './silence.js';

/** The part of the browser's API that a page needs of the worker. The project is type-checked without the DOM's types. */
export interface SessionWorker {
  postMessage(message: ToSession): void;
  terminate(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: FromSession | Holds }) => void): void;
  addEventListener(type: 'error' | 'messageerror', listener: (event: { readonly message?: string }) => void): void;
}

/** Real time in ms after which a worker that has told nothing is called lost. The bound is generous because the host may be loaded. */
const START_MS = 60_000;

/**
 * Calls `show` with each message of the worker. A worker that fails is ended, and `failed` is shown. So it is when the worker has ended by
 * itself, and when it has told nothing for `startMs` of real time: a browser may make a worker that never runs, and tells nobody. That
 * worker is not ended, because its program may only be slow to load; what it tells later is shown. A worker that has told something and
 * then falls silent is not ended, either: that is shown until it tells something again.
 * @param now real time in ms.
 * @returns ends the worker, and shows nothing any more.
 */
export function followWorker(
  worker: SessionWorker,
  show: (message: FromSession) => void,
  timers: Timers,
  now: () => number,
  startMs = START_MS,
  watchLife: (message: Holds, onEnd: () => void) => void = whenEnded,
): () => void {
  let isOver = false;
  let silence: Silence | undefined;
  const forget = timers.after(startMs, () =>
    show({
      tell: 'failed',
      message: `the session has not started for ${startMs / 1000} s`,
      remedy: 'reload the page, and close other pages that work',
    }),
  );
  const leave = (): void => {
    forget();
    silence?.end();
    isOver = true;
    worker.terminate();
  };
  const end = (why: string): void => {
    if (isOver) return;
    leave();
    show({ tell: 'failed', message: `the session has ended: ${why}`, remedy: 'reload the page' });
  };
  worker.addEventListener('message', ({ data }) => {
    forget();
    // What was on its way when the worker failed is of no use.
    if (isOver) return;
    if (isHolds(data)) return watchLife(data, () => end('its worker has been closed'));
    const isFirst = silence === undefined;
    silence ??= listen({ timers, now, onChange: (isSilent) => show({ tell: 'silence', isSilent }) });
    silence.hear();
    // Later ones are only signs of life.
    if (data.tell !== 'alive' || isFirst) show(data);
  });
  // An error without a message is that of loading.
  worker.addEventListener('error', ({ message }) => end(message ?? 'its program could not be loaded'));
  worker.addEventListener('messageerror', () => end('a message of it could not be read'));
  return leave;
}
