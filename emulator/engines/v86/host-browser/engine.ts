// SPDX-License-Identifier: MIT
/** The v86 engine in a browser: machines in module workers. */
import type { Engine } from '../../../machine/contract.js';
import type { FromWorker, ToWorker, WorkerPort } from '../protocol.js';
import { createRemoteEngine } from '../remote-engine.js';
import { isHolds, whenEnded, type Holds } from './lifeline.js';
import { browserTimers } from './timers.js';

export interface BrowserEngineOptions {
  /** URL of the bundled worker. */
  readonly workerUrl: string;
  /** v86's wasm. */
  readonly wasm: Uint8Array;
}

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface BrowserWorker {
  postMessage(message: ToWorker): void;
  terminate(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: FromWorker | Holds }) => void): void;
  addEventListener(type: 'error' | 'messageerror', listener: (event: { readonly message?: string }) => void): void;
}
declare const Worker: new (url: string, options: { readonly type: 'module' }) => BrowserWorker;

/** An engine like that of `createV86Engine` in Node. Equal configs give equal machines in both. */
export function createBrowserEngine({ workerUrl, wasm }: BrowserEngineOptions): Engine {
  let module: Promise<WebAssembly.Module> | undefined;
  return createRemoteEngine({
    spawn: () => spawn(workerUrl),
    v86Module: () => (module ??= WebAssembly.compile(wasm)),
    timers: browserTimers,
  });
}

function spawn(url: string): WorkerPort {
  const worker = new Worker(url, { type: 'module' });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) =>
      worker.addEventListener('message', ({ data }) => {
        if (!isHolds(data)) listener(data);
      }),
    onFailure(listener) {
      worker.addEventListener('error', ({ message }) => listener(new Error(message ?? 'it could not be loaded')));
      worker.addEventListener('messageerror', () => listener(new Error('a message could not be read')));
      worker.addEventListener('message', ({ data }) => {
        if (isHolds(data)) whenEnded(data, () => listener(new Error('it has ended')));
      });
    },
    setSpare: () => undefined,
    terminate() {
      worker.terminate();
      return Promise.resolve();
    },
  };
}
