// SPDX-License-Identifier: MIT
/** The messages between the rig and a machine's worker. One request at a time, each with one answer. */
import type { SentBase } from '../../disks/pieces.js';
import type { Asked, MarkerSeen, RestoreConfig, RunReport, ShareEntry, Written } from '../../machine/contract.js';
import type { LateConfig } from './core.js';
import type { CompiledCode } from './jit.js';

export type Request =
  /** Make the worker's machine at power-on, but without the overlays of its disks: it cannot run yet. */
  | {
      readonly ask: 'make';
      /** Kernel and initrd may be absent when a checkpoint is loaded then. */
      readonly config: Omit<RestoreConfig, 'disks'>;
      readonly bases: readonly SentBase[];
      readonly v86Module: WebAssembly.Module;
      /** Code that earlier machines have compiled. */
      readonly compiled: readonly CompiledCode[];
    }
  /** Restore a checkpoint into the machine that is being made. */
  | { readonly ask: 'load'; readonly checkpoint: Uint8Array }
  /** Complete the machine, so that it can run. */
  | { readonly ask: 'equip'; readonly late: LateConfig }
  | {
      readonly ask: 'run';
      readonly request: Asked;
      readonly wantsConsole: boolean;
      readonly wantsProgress: boolean;
      readonly wantsWritten: boolean;
    }
  | { readonly ask: 'read'; readonly at: number; readonly lengthBytes: number }
  | { readonly ask: 'capture' }
  | { readonly ask: 'screen' }
  | { readonly ask: 'share' }
  | { readonly ask: 'hash' }
  | { readonly ask: 'checkpoint' };

/** The type of the answer to each request. */
export interface Answers {
  make: true;
  load: true;
  equip: true;
  run: { readonly report: RunReport; readonly compiled: readonly CompiledCode[] };
  read: Uint8Array;
  capture: Uint8Array;
  screen: { readonly rows: readonly string[] | undefined };
  share: { readonly entries: readonly ShareEntry[] | undefined };
  hash: string;
  checkpoint: Uint8Array;
}

export type ToWorker =
  | { readonly kind: 'request'; readonly id: number; readonly request: Request }
  /** End the present run at the next tick boundary. */
  | { readonly kind: 'abort' };

export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value: Answers[keyof Answers] }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  | { readonly kind: 'progress'; readonly instructions: number; readonly virtualMs: number }
  | { readonly kind: 'written'; readonly written: Written }
  /** The guest has passed a marker. It is sent at once, because the answer to the run may never come. */
  | { readonly kind: 'marker'; readonly marker: MarkerSeen }
  /** The worker has started, or its run is still in progress. During a run, it is sent about once a second. */
  | { readonly kind: 'alive' };

export interface Failure {
  readonly type: 'InputError' | 'RigError';
  readonly message: string;
  readonly remedy: string | undefined;
  /** For a report of a bug in the rig, not for the user. */
  readonly stack: string | undefined;
}

/** A message channel to a worker, on any host. */
export interface WorkerPort {
  post(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** Called when the worker has ended, or threw outside a request. */
  onFailure(listener: (cause: Error) => void): void;
  /** Sets whether the program may end while this worker waits for its use. */
  setSpare(spare: boolean): void;
  terminate(): Promise<void>;
}
