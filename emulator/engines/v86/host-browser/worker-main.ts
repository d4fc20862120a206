// SPDX-License-Identifier: MIT
/** The worker of one machine, in a browser. */
import { entryName, openPieceStore } from '../../../host/browser/storage/piece-store.js';
import { readPiece } from '../../../host/browser/storage/read-piece.js';
import type { V86Constructor } from '../internals.js';
import type { FromWorker, ToWorker } from '../protocol.js';
import { serve } from '../serve.js';
import { holdLock, type Holds } from './lifeline.js';

/** The part of a worker's global scope that this file uses. The project is type-checked without the DOM's types. */
interface WorkerScope {
  Worker: unknown;
  postMessage(message: FromWorker | Holds, transfer?: readonly ArrayBuffer[]): void;
  addEventListener(type: 'message', listener: (event: { readonly data: ToWorker }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

// Otherwise v86 would make a worker that times its ticks, which the rig does not use.
scope.Worker = undefined;

holdLock((message) => scope.postMessage(message));

const channel = new MessageChannel();
let resume: (() => void) | undefined;
Object.assign(channel.port1, { onmessage: () => resume?.() });

/** What was read is kept, one piece after another, while the machine runs. */
let kept = openPieceStore();
const keep = (url: string, packed: Uint8Array): void => {
  kept = kept.then(async (store) => {
    await store?.put(entryName(url), packed);
    return store;
  });
};

serve({
  readPiece: (url) => readPiece(url, (packed) => keep(url, packed)),
  scope: globalThis as never,
  importV86: async () => ((await import('v86')) as unknown as { V86: V86Constructor }).V86,
  hostMs: performance.now.bind(performance),
  yieldToHost: () =>
    new Promise((resolve) => {
      resume = resolve;
      channel.port2.postMessage(0);
    }),
  async sha256(parts) {
    // WebCrypto hashes only one array per call, so the parts are joined.
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
    return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  },
  post: (message, transfer) => scope.postMessage(message, transfer),
  onMessage: (listener) => scope.addEventListener('message', ({ data }) => listener(data)),
});
