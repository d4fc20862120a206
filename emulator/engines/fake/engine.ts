// SPDX-License-Identifier: MIT
/**
 * A machine without an emulator, for unit tests of the code that drives machines. It executes a script at once and
 * otherwise keeps the Machine contract. Each event is a tick.
 */
import type { Checkpoint, Engine, EngineTraits, Machine, RestoreConfig } from '../../machine/contract.js';
import { InputError, RigError } from '../../machine/errors.js';
import { createNews } from '../../machine/written.js';
import { otherConfig } from '../checkpoint-format.js';
import { createFakeGuest, type FakeGuest, type Stimulus } from './guest.js';
import type { FakeScript } from './script.js';

export const FAKE_ENGINE = 'fake';
const FAKE_TRAITS: EngineTraits = {
  deterministic: true,
  countsInstructions: true,
  ownTime: true,
  patience: 1,
  checkpoints: ['ide'],
  delivery: false,
  diskFaults: false,
  volatileCaches: false,
  share: true,
  processorsMax: 1,
  diskBuses: ['ide'],
  nodesMax: 1,
  highMemory: false,
  memoryMiB: { min: 1, max: 4096 },
};

export interface FakeEngineOptions {
  /** The script that the machine executes from power-on. It may depend on the config (disks, command line). */
  readonly script: (config: RestoreConfig) => FakeScript;
  /** SHA-256 (hex) of the parts in order, computed by the host. */
  readonly sha256: (parts: readonly Uint8Array[]) => string;
}

export function createFakeEngine(options: FakeEngineOptions): Engine {
  const make = (config: RestoreConfig, history: readonly Stimulus[], steps: number): Machine => {
    checkSize(config);
    const guest = createFakeGuest(config, options.script(config));
    guest.replay(history, steps);
    return createMachine(guest, config, options.sha256);
  };
  return {
    name: FAKE_ENGINE,
    traits: FAKE_TRAITS,
    powerOn: (config) => Promise.resolve().then(() => make(config, [], 0)),
    restore: (config, checkpoint) =>
      Promise.resolve().then(() => {
        const { history, steps, shape } = decodeCheckpoint(checkpoint);
        if (shape !== shapeOf(config)) throw otherConfig(`with ${shape}`, `the config says ${shapeOf(config)}`);
        return make(config, history, steps);
      }),
  };
}

/** Not as strict as other engines: its machines need no kernel. */
function checkSize({ disks, memoryMiB, processors = 1, volatileCaches }: RestoreConfig): void {
  if (volatileCaches === true) throw new InputError('the disks of a fake machine have no volatile cache');
  if (disks.length > 2) throw new InputError(`a machine has at most 2 disks, not ${disks.length}`);
  const { min, max } = FAKE_TRAITS.memoryMiB;
  if (memoryMiB < min || memoryMiB > max)
    throw new InputError(`a fake machine has ${min} to ${max} MiB of RAM, not ${memoryMiB}`);
  if (processors !== 1) throw new InputError(`a fake machine has one processor, not ${processors}`);
}

const shapeOf = ({ memoryMiB, disks }: RestoreConfig): string => `${memoryMiB} MiB and ${disks.length} disks`;

function createMachine(guest: FakeGuest, config: RestoreConfig, sha256: FakeEngineOptions['sha256']): Machine {
  let closed = false;
  let running = false;
  const open = <T>(work: () => T): Promise<T> =>
    Promise.resolve().then(() => {
      if (closed) throw new RigError('the machine has been closed');
      return work();
    });
  return {
    engine: FAKE_ENGINE,
    async run(request) {
      if (!(request.virtualMsMax > 0))
        throw new InputError(`a run needs a bound in virtual time, not ${request.virtualMsMax}`);
      if (closed) throw new RigError('the machine has been closed');
      if (running) throw new RigError('the machine is running already');
      request.signal?.throwIfAborted();
      running = true;
      try {
        guest.begin(request);
        let shown = 0;
        const news = createNews();
        for (let step = 1; ; step++) {
          const report = guest.advance();
          const output = guest.consoleSince(shown);
          shown += output.length;
          if (output.length > 0) request.onConsole?.(output);
          const written = request.onWritten && news(report ?? guest.soFar());
          if (written) request.onWritten?.(written);
          if (report) return report;
          // A real machine runs in parallel with the rig: let the event loop run, so that the machine can be closed or
          // stopped.
          if (step % 64 !== 0) continue;
          request.onProgress?.(guest.instructions(), guest.virtualMs());
          await new Promise<void>((resolve) => setTimeout(resolve));
          if (closed) throw new RigError('the machine has been closed');
          if (request.signal?.aborted) return guest.abort();
        }
      } finally {
        running = false;
      }
    },
    readMemory: (at, lengthBytes) => open(() => guest.readMemory(at, lengthBytes)),
    captureMemory: () => open(() => guest.captureMemory()),
    // A script has no way to write to it.
    readShare: () => open(() => config.share),
    stateHash: () => open(() => sha256(guest.hashParts())),
    checkpoint: () => open(() => encodeCheckpoint(guest, config)),
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** A checkpoint of a fake machine is its history. Restoring it executes the history again. */
function encodeCheckpoint(guest: FakeGuest, config: RestoreConfig): Checkpoint {
  const { history, steps } = guest.history();
  const plain = history.map((stimulus) => ({ ...stimulus, bytes: [...stimulus.bytes] }));
  return {
    engine: FAKE_ENGINE,
    bytes: new TextEncoder().encode(JSON.stringify({ steps, history: plain, shape: shapeOf(config) })),
  };
}

function decodeCheckpoint({ engine, bytes }: Checkpoint): {
  readonly history: readonly Stimulus[];
  readonly steps: number;
  /** Of the machine that it was made from. */
  readonly shape: string;
} {
  if (engine !== FAKE_ENGINE)
    throw new InputError(`a checkpoint of the ${engine} engine cannot be restored by ${FAKE_ENGINE}`);
  try {
    const { history, steps, shape } = JSON.parse(new TextDecoder().decode(bytes)) as {
      history: readonly (Stimulus & { bytes: number[] })[];
      steps: number;
      shape: string;
    };
    return {
      steps,
      shape,
      history: history.map((stimulus) => ({ ...stimulus, bytes: Uint8Array.from(stimulus.bytes) })),
    };
  } catch (cause) {
    throw new InputError('not a checkpoint of the fake engine', { cause });
  }
}
