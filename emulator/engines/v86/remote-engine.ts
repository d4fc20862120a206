// SPDX-License-Identifier: MIT
/**
 * The rig's side: an engine that runs machines in workers. It does not depend on the host, which supplies the workers.
 */
import type {
  Checkpoint,
  Engine,
  Machine,
  MarkerSeen,
  RestoreConfig,
  RunReport,
  RunRequest,
} from '../../machine/contract.js';
import { sendBase } from '../../disks/pieces.js';
import { InputError, RigError, StallError } from '../../machine/errors.js';
import { checkConfig, checkRequest, checkRestored, type EngineFacts } from '../checks.js';
import type { CompiledCode } from './jit.js';
import type { Answers, Failure, Request, WorkerPort } from './protocol.js';
import { SHARE_BYTES_MAX, SHARE_NODES_MAX } from './share/tree.js';
import { shared } from './shared-memory.js';
import { V86_ENGINE, V86_TRAITS } from './traits.js';
import { watch, type Timers } from './watchdog.js';

const V86: EngineFacts = { name: V86_ENGINE, traits: V86_TRAITS };

/**
 * Upper bounds of the code that is kept for later machines. They exceed what the largest known guests generate for the
 * kernel and for their repeated work. Code that a long series of machines generates beyond that is rarely used twice,
 * and each byte needs ten more in the output of the host's compiler.
 */
const COMPILED_MAX = 8192;
const COMPILED_BYTES_MAX = 64 << 20;

export interface EngineHost {
  readonly spawn: () => WorkerPort;
  /** v86's own wasm, compiled once for all machines. */
  readonly v86Module: () => Promise<WebAssembly.Module>;
  readonly timers: Timers;
  /** Real time in ms after which a worker that does not start, or a run whose worker sends no message, is given up; default 60,000. */
  readonly stallMs?: number;
  /** Machines of this engine share compiled code with later ones. Off only to measure the gain. */
  readonly shareCode?: boolean;
}

type Patience = Required<Pick<EngineHost, 'timers' | 'stallMs'>>;

/** A worker sends a sign of life when it starts, and each second of a run. The bound is generous because the host may be loaded. */
const STALL_MS = 60_000;
/** Real time in which a worker must end its run when it is asked to. */
const ABORT_MS_MAX = 2_000;

/** What helps where a worker is lost. */
const WORKER_REMEDY = 'try again; in a browser, reload the page, and close other pages that work';

/** Number of machines after which an engine starts workers in advance: a program that makes one or two needs none. */
const MACHINES_BEFORE_IDLE = 2;

/** A machine that was made in advance as far as possible, and waits in its worker for its disks. */
interface Spare {
  readonly link: Link;
  readonly config: RestoreConfig;
  readonly checkpoint: Checkpoint;
  /** Resolves when the machine is made; rejects when it cannot be made. */
  readonly made: Promise<void>;
}

/** An engine over `host`. The compiled code of all its machines is kept for as long as the engine is. */
export function createRemoteEngine(host: EngineHost): Engine {
  const { timers, stallMs = STALL_MS } = host;
  const compiled: CompiledCode[] = [];
  let compiledBytes = 0;
  let spare: Spare | undefined;
  /** A worker that has started and imported v86, for the next machine. */
  let idle: Link | undefined;
  let machines = 0;
  const takeWorker = (): Link => {
    const kept = idle;
    idle = undefined;
    const link = ifAlive(kept) ?? createLink(host.spawn());
    link.setSpare(false);
    return link;
  };
  const keepIdle = (): void => {
    if (idle || ++machines < MACHINES_BEFORE_IDLE) return;
    idle = createLink(host.spawn());
    idle.setSpare(true);
  };
  const keep = (codes: readonly CompiledCode[]): void => {
    if (host.shareCode === false) return;
    for (const code of codes) {
      if (compiled.length >= COMPILED_MAX || compiledBytes >= COMPILED_BYTES_MAX) return;
      compiledBytes += code.bytes.length;
      compiled.push({ ...code, bytes: shared(code.bytes) });
    }
  };
  /** Begins to make a machine, without the overlays of its disks. */
  const begin = (config: RestoreConfig, checkpoint: Checkpoint | undefined): Pick<Spare, 'link' | 'made'> => {
    const link = takeWorker();
    const { disks, ...bare } = config;
    const make = async (): Promise<void> => {
      const v86Module = await host.v86Module();
      const made = link.ask({
        ask: 'make',
        config: shareable(bare),
        bases: disks.map(({ base }) => sendBase(shared(base))),
        v86Module,
        compiled,
      });
      // It is awaited below, unless the bytes cannot be read.
      made.catch(() => undefined);
      // They may be fetched when they are read, while the worker makes the machine.
      await Promise.all([made, checkpoint && link.ask({ ask: 'load', checkpoint: shared(checkpoint.bytes) })]);
    };
    return { link, made: started(link, make(), { timers, stallMs }) };
  };
  /** The machine that was made in advance, if it was expected. */
  const takeSpare = (config: RestoreConfig, checkpoint: Checkpoint | undefined): Spare | undefined => {
    if (!spare || !checkpoint || !isSame(spare, config, checkpoint)) return undefined;
    const taken = spare;
    spare = undefined;
    if (!ifAlive(taken.link)) return undefined;
    taken.link.setSpare(false);
    return taken;
  };
  const make = async (config: RestoreConfig, checkpoint?: Checkpoint): Promise<Machine> => {
    const { link, made } = takeSpare(config, checkpoint) ?? begin(config, checkpoint);
    try {
      await made;
      await link.ask({
        ask: 'equip',
        late: { overlays: config.disks.map(({ overlay = [] }) => overlay), wallClockMs: config.wallClockMs },
      });
    } catch (error) {
      await link.close();
      throw error;
    }
    keepIdle();
    return createMachine(link, config, keep, { timers, stallMs });
  };
  const expect = async (config: RestoreConfig, checkpoint: Checkpoint): Promise<void> => {
    checkV86Restored(config, checkpoint);
    if (!spare || spare.link.isDead() || !isSame(spare, config, checkpoint)) {
      // The expected machine is a different one. Only one machine is made in advance.
      void spare?.link.close();
      spare = { ...begin(config, checkpoint), config, checkpoint };
    }
    const { link, made } = spare;
    // An error is thrown when the machine is used.
    await made.catch(() => undefined);
    if (spare?.link === link) link.setSpare(true);
  };
  return {
    ...V86,
    async powerOn(config) {
      checkConfig(config, V86);
      checkShare(config);
      return make(config);
    },
    async restore(config, checkpoint) {
      checkV86Restored(config, checkpoint);
      return make(config, checkpoint);
    },
    expect,
  };
}

/**
 * Waits for `answer`, unless the worker of `link`, which is to give it, has not run its first line after `stallMs`. A browser may make a
 * worker that never runs, and tells nobody.
 */
async function started(link: Link, answer: Promise<void>, { timers, stallMs }: Patience): Promise<void> {
  if (link.signs() > 0) return answer;
  const forget = timers.after(stallMs, () => {
    if (link.signs() > 0) return;
    link.giveUp(
      new RigError(`the machine's worker has not started for ${stallMs / 1000} s`, {
        remedy: WORKER_REMEDY,
      }),
    );
  });
  try {
    await answer;
  } finally {
    forget();
  }
}

/** Whether the spare is this machine, apart from the overlays of its disks and its clock. */
function isSame(spare: Spare, config: RestoreConfig, checkpoint: Checkpoint): boolean {
  const settled = ({ disks, wallClockMs, ...rest }: RestoreConfig): ReadonlyMap<string, unknown> =>
    new Map<string, unknown>([
      ...Object.entries(rest),
      ...disks.map(({ base }, number) => [`disk ${number}`, base] as const),
      // A restored clock is set again. Files of a share get their times when they are made.
      ...(rest.share ? [['wallClockMs', wallClockMs] as const] : []),
    ]);
  const [its, asked] = [settled(spare.config), settled(config)];
  return (
    [...its.keys(), ...asked.keys()].every((key) => its.get(key) === asked.get(key)) &&
    spare.checkpoint.bytes === checkpoint.bytes
  );
}

function createMachine(
  link: Link,
  config: RestoreConfig,
  keep: (codes: readonly CompiledCode[]) => void,
  { timers, stallMs }: Patience,
): Machine {
  return {
    engine: V86_ENGINE,
    async run(request) {
      checkRequest(request, config, V86);
      const { signal, onConsole, onProgress, onWritten, ...rest } = request;
      if (signal?.aborted) signal.throwIfAborted();
      let forget = (): void => undefined;
      const abort = (): void => {
        link.abort();
        // A worker that spins reads no messages.
        forget = timers.after(ABORT_MS_MAX, () => link.giveUp(signal?.reason as Error));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const unwatch = watch(link.signs, stallMs, timers, () => link.giveUp(new StallError(stallMs, link.lastMarker())));
      try {
        const asked = {
          ask: 'run',
          request: rest,
          wantsConsole: onConsole !== undefined,
          wantsProgress: onProgress !== undefined,
          wantsWritten: onWritten !== undefined,
        } as const;
        const { report, compiled } = await link.ask<'run'>(asked, { onConsole, onProgress, onWritten });
        keep(compiled);
        return report as RunReport;
      } finally {
        signal?.removeEventListener('abort', abort);
        forget();
        unwatch();
      }
    },
    readMemory: (at, lengthBytes) => link.ask<'read'>({ ask: 'read', at, lengthBytes }),
    captureMemory: () => link.ask<'capture'>({ ask: 'capture' }),
    readScreen: async () => (await link.ask<'screen'>({ ask: 'screen' })).rows,
    readShare: async () => (await link.ask<'share'>({ ask: 'share' })).entries,
    stateHash: () => link.ask<'hash'>({ ask: 'hash' }),
    checkpoint: async () => ({ engine: V86_ENGINE, bytes: await link.ask<'checkpoint'>({ ask: 'checkpoint' }) }),
    close: () => link.close(),
  };
}

type Listeners = { readonly [Of in 'onConsole' | 'onProgress' | 'onWritten']?: RunRequest[Of] | undefined };

interface Link {
  ask<K extends Request['ask']>(request: Request & { readonly ask: K }, listeners?: Listeners): Promise<Answers[K]>;
  abort(): void;
  /** The number of messages received from the worker. */
  signs(): number;
  lastMarker(): MarkerSeen | undefined;
  /** Whether the worker has ended, or was given up. */
  isDead(): boolean;
  /** Ends a worker that does not answer. All present and future requests are rejected with `error`. */
  giveUp(error: Error): void;
  setSpare(spare: boolean): void;
  close(): Promise<void>;
}

/** Undefined for a worker that has ended while it waited for its use. */
function ifAlive(link: Link | undefined): Link | undefined {
  if (!link?.isDead()) return link;
  void link.close();
  return undefined;
}

/** The worker answers requests in their order. When it dies, all waiting requests are rejected. */
function createLink(port: WorkerPort): Link {
  const waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void; listeners: Listeners }
  >();
  let lastId = 0;
  let signs = 0;
  let lastMarker: MarkerSeen | undefined;
  let dead: Error | undefined;
  let closing: Promise<void> | undefined;

  const die = (error: Error): void => {
    dead ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  port.onMessage((message) => {
    signs += 1;
    if (message.kind === 'alive') return;
    if (message.kind === 'marker') {
      lastMarker = message.marker;
      return;
    }
    if (message.kind === 'console' || message.kind === 'progress' || message.kind === 'written') {
      for (const { listeners } of waiting.values()) {
        if (message.kind === 'console') listeners.onConsole?.(message.bytes);
        else if (message.kind === 'written') listeners.onWritten?.(message.written);
        else listeners.onProgress?.(message.instructions, message.virtualMs);
      }
      return;
    }
    const waiter = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'answer') waiter?.resolve(message.value as never);
    else waiter?.reject(revive(message.failure));
  });
  port.onFailure((cause) =>
    die(new RigError(`the machine's worker died: ${cause.message}`, { cause, remedy: WORKER_REMEDY })),
  );

  return {
    ask: (request, listeners = {}) =>
      new Promise((resolve, reject) => {
        if (dead) {
          reject(dead);
          return;
        }
        const id = ++lastId;
        waiting.set(id, { resolve, reject, listeners });
        port.post({ kind: 'request', id, request });
      }),
    abort: () => port.post({ kind: 'abort' }),
    signs: () => signs,
    lastMarker: () => lastMarker,
    isDead: () => dead !== undefined,
    giveUp(error) {
      die(error);
      closing ??= port.terminate();
    },
    setSpare: (spare) => port.setSpare(spare),
    close() {
      die(new RigError('the machine has been closed'));
      return (closing ??= port.terminate());
    },
  };
}

function revive({ type, message, remedy, stack }: Failure): Error {
  const detail = { ...(remedy === undefined ? {} : { remedy }), cause: stack };
  return type === 'InputError' ? new InputError(message, detail) : new RigError(message, detail);
}

function checkShare({ share = [] }: RestoreConfig): void {
  const shareBytes = share.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  if (shareBytes > SHARE_BYTES_MAX || share.length > SHARE_NODES_MAX) {
    throw new InputError(
      `a share holds up to ${SHARE_BYTES_MAX / 2 ** 20} MiB in ${SHARE_NODES_MAX} files and folders, not ${Math.ceil(shareBytes / 2 ** 20)} MiB in ${share.length}`,
      { remedy: 'share a smaller folder' },
    );
  }
}

function checkV86Restored(config: RestoreConfig, checkpoint: Checkpoint): void {
  checkRestored(config, checkpoint, V86);
  checkShare(config);
}

/** A config that can be sent to a worker without copying: its large parts are in memory that all workers share. */
function shareable(config: Omit<RestoreConfig, 'disks'>): Omit<RestoreConfig, 'disks'> {
  const { kernel, initrd, share } = config;
  return {
    ...config,
    ...(kernel && { kernel: shared(kernel) }),
    ...(initrd && { initrd: shared(initrd) }),
    ...(share && { share: share.map((entry) => (entry.bytes ? { ...entry, bytes: shared(entry.bytes) } : entry)) }),
  };
}
