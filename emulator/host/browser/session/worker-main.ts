// SPDX-License-Identifier: MIT
/** The worker of a session. */
import { holdLock, type Holds } from '../../../engines/v86/host-browser/lifeline.js';
import { browserTimers } from '../../../engines/v86/host-browser/timers.js';
import type { FromSession, ToSession } from './protocol.js';
import { createSession } from './session.js';
import { ALIVE_EVERY_MS } from './silence.js';

/** The part of a worker's global scope that this file uses. The project is type-checked without the DOM's types. */
interface WorkerScope {
  postMessage(message: FromSession | Holds): void;
  addEventListener(type: 'message', listener: (event: { readonly data: ToSession }) => void): void;
  addEventListener(type: 'unhandledrejection', listener: (event: { readonly reason: unknown }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

const live = (): void => scope.postMessage({ tell: 'alive' });
live();
browserTimers.every(ALIVE_EVERY_MS, live);
holdLock((message) => scope.postMessage(message));
// A browser tells the page of errors that are thrown, and not of these.
scope.addEventListener('unhandledrejection', ({ reason }) =>
  scope.postMessage({
    tell: 'failed',
    message: `the session has failed: ${reason instanceof Error ? reason.message : String(reason)}`,
    remedy: 'reload the page',
  }),
);
const handle = createSession((message) => scope.postMessage(message));
scope.addEventListener('message', ({ data }) => handle(data));
