// SPDX-License-Identifier: MIT
/** The worker of one machine, in Node. */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import type { V86Constructor } from '../internals.js';
import type { ToWorker } from '../protocol.js';
import { serve } from '../serve.js';

const port = parentPort;
if (!port) throw new Error('this file is the main program of a worker');

/**
 * Generated modules are single functions of a hundred kilobytes. V8's optimising compiler needs more time for them than
 * they run: with it a first cycle took four times as long, and later cycles were not faster. v86's own code is still
 * optimised.
 */
const BASELINE_ONLY = ['wasm-lazy-compilation', 'wasm-dynamic-tiering', 'wasm-tier-up'];

function compileBaseline(bytes: Uint8Array): WebAssembly.Module {
  for (const flag of BASELINE_ONLY) setFlagsFromString(`--no-${flag}`);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of BASELINE_ONLY) setFlagsFromString(`--${flag}`);
  }
}

serve({
  scope: globalThis as never,
  importV86: async () => ((await import('v86')) as unknown as { V86: V86Constructor }).V86,
  hostMs: performance.now.bind(performance),
  yieldToHost: () => new Promise((resolve) => setImmediate(resolve)),
  compileGenerated: compileBaseline,
  sha256(parts) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return Promise.resolve(hash.digest('hex'));
  },
  post: (message, transfer) => port.postMessage(message, transfer),
  onMessage: (listener) => port.on('message', (message: ToWorker) => listener(message)),
});
