// SPDX-License-Identifier: MIT
/** The v86 engine in Node: machines in worker threads. */
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { packagePath } from '../../../host/node/paths.js';
import type { Engine } from '../../../machine/contract.js';
import { RigError } from '../../../machine/errors.js';
import type { FromWorker, WorkerPort } from '../protocol.js';
import { createRemoteEngine } from '../remote-engine.js';

export interface V86EngineOptions {
  /** The bundled worker; default `dist/machine-worker.mjs`. */
  readonly workerPath?: string;
  /** v86's wasm; default `dist/v86.wasm`. */
  readonly wasmPath?: string;
  /** Real time in ms after which the rig gives up a machine that makes no progress; default 60,000. */
  readonly stallMs?: number;
  /** Share compiled code between machines; default on. It does not influence what machines do. */
  readonly shareCode?: boolean;
}

/**
 * An engine that runs each machine as v86 in its own worker. Use one engine for many machines: they share the code that
 * v86 generates and the host compiles.
 */
export function createV86Engine(options: V86EngineOptions = {}): Engine {
  const workerPath = options.workerPath ?? packagePath('dist', 'machine-worker.mjs');
  const wasmPath = options.wasmPath ?? packagePath('dist', 'v86.wasm');
  let module: Promise<WebAssembly.Module> | undefined;
  return createRemoteEngine({
    spawn: () => spawn(workerPath),
    v86Module: () => (module ??= compile(wasmPath)),
    timers: { every, after },
    ...(options.stallMs !== undefined && { stallMs: options.stallMs }),
    shareCode: options.shareCode ?? true,
  });
}

function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => clearInterval(timer);
}

function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}

async function compile(path: string): Promise<WebAssembly.Module> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new RigError(`cannot read ${path}`, { cause, remedy: 'build it: node esbuild.config.mjs' });
  }
  return WebAssembly.compile(bytes);
}

function spawn(path: string): WorkerPort {
  // The worker gets its own options: those of the parent (loaders, inspectors) do not apply to it.
  const worker = new Worker(path, { name: 'machine', execArgv: [] });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', (message: FromWorker) => listener(message)),
    onFailure(listener) {
      worker.on('error', listener);
      worker.on('messageerror', listener);
      worker.on('exit', (status) => listener(new Error(`it ended with status ${status}`)));
    },
    setSpare(spare) {
      if (spare) worker.unref();
      else worker.ref();
    },
    terminate: async () => {
      await worker.terminate();
    },
  };
}
