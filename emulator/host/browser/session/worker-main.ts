// SPDX-License-Identifier: MIT
/** The worker of a session. */
import type { FromSession, ToSession } from './protocol.js';
import { createSession } from './session.js';

/** The part of a worker's global scope that this file uses. The project is type-checked without the DOM's types. */
interface WorkerScope {
  postMessage(message: FromSession): void;
  addEventListener(type: 'message', listener: (event: { readonly data: ToSession }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

const handle = createSession((message) => scope.postMessage(message));
scope.addEventListener('message', ({ data }) => handle(data));
