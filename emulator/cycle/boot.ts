// SPDX-License-Identifier: MIT
/**
 * From power-on to a defined point, over checkpoints.
 *
 * A guest that is held at a marker spins there to the end of the tick, which costs instructions. So every run
 * stops at the same markers, whether its checkpoints are made there now or come from the cache: both give the same run.
 */
import type { Engine, Machine, MachineConfig, RunReport } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import { USER_MARKERS } from '../machine/markers.js';
import { decodeBootState, encodeBootState, type BootState } from './boot-state.js';
import { endState, record, type Recorder, type Seen, type Waited } from './recorder.js';
import { unexpectedStop } from './stop.js';

/** Keeps bytes by name; an entry that is not what was put is absent. */
export interface ByteCache {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

/** Points at which a booting machine holds. */
export type BootStage = 'beforeDisk' | 'agentReady';

export interface Booter {
  readonly engine: Engine;
  readonly config: MachineConfig;
  /** Stands for everything that determines the machine from power-on: engine, config, contents of its files. */
  readonly configKey: string;
  readonly cache: ByteCache;
  readonly signal?: AbortSignal;
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** Told of what begins, and, with no text, of the time that a wait takes. */
  readonly onProgress?: (what: string, waited?: Waited) => void;
}

/** Bound of a boot in virtual time: several times what the slowest kernel needs. */
const BOOT_MS_MAX = 20_000;

/** A machine did not come to the stage it was booted to. It is gone by the time this is caught, so its evidence is here. */
export class BootFailed extends GuestError {
  /** All that was seen of the machine, from power-on to where it stopped. */
  readonly seen: Seen;
  /** SHA-256 (hex) of the machine where it stopped, as `Machine.stateHash` has it. */
  readonly stateHash: string;
  constructor(cause: GuestError, seen: Seen, stateHash: string) {
    const { message, remedy, consoleTail } = cause;
    super(message, { cause, consoleTail, ...(remedy !== undefined && { remedy }) });
    this.seen = seen;
    this.stateHash = stateHash;
  }
}

/** Boot states by key: each made once in this process, and kept in the cache for the next. */
export interface BootStates {
  /** The state of that name, from the cache or from `make`. */
  obtain(name: string, booter: Booter, make: () => Promise<BootState>): Promise<BootState>;
  /**
   * A machine that holds at a stage of its boot.
   * @throws BootFailed when the guest does not come there.
   */
  at(stage: BootStage, booter: Booter): Promise<BootState>;
}

export function bootStates(): BootStates {
  const underWay = new Map<string, Promise<BootState>>();
  const obtain: BootStates['obtain'] = (name, booter, make) => {
    const key = `${name}-${booter.configKey}`;
    let state = underWay.get(key);
    if (!state) {
      state = fromCache(key, booter).then(async (cached) => {
        if (cached) return cached;
        const made = await make();
        await booter.cache.put(key, encodeBootState(made));
        return made;
      });
      underWay.set(key, state);
    }
    return state;
  };
  const at: BootStates['at'] = (stage, booter) =>
    obtain(stage, booter, async () => {
      const recorder =
        stage === 'beforeDisk' ? await powerOn(booter) : await restoreAt(await at('beforeDisk', booter), booter);
      try {
        booter.onProgress?.(stage === 'beforeDisk' ? 'booting the kernel' : 'booting to the agent');
        await runToMarker(stage, recorder, booter);
        return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
      } catch (error) {
        if (!(error instanceof GuestError)) throw error;
        throw new BootFailed(error, recorder.seen(), await endState(recorder));
      } finally {
        await recorder.machine.close();
      }
    });
  return { obtain, at };
}

async function fromCache(key: string, { cache }: Booter): Promise<BootState | undefined> {
  const bytes = await cache.get(key);
  return bytes && decodeBootState(bytes);
}

async function powerOn(booter: Booter): Promise<Recorder> {
  return recordFor(await booter.engine.powerOn(booter.config), booter, {});
}

/** A fresh machine that stands where `state` was made. Disks and wall clock may be others than it was made with. */
export async function restoreAt(state: BootState, booter: Booter): Promise<Recorder> {
  return recordFor(await booter.engine.restore(booter.config, state.checkpoint), booter, { before: state.seen });
}

function recordFor(machine: Machine, booter: Booter, more: Pick<Parameters<typeof record>[1], 'before'>): Recorder {
  const { signal, onConsole, onProgress } = booter;
  return record(machine, {
    diskCount: booter.config.disks.length,
    ...more,
    ...(signal && { signal }),
    ...(onConsole && { onConsole }),
    ...(onProgress && { onProgress: (waited: Waited) => onProgress('', waited) }),
  });
}

/**
 * Runs until the guest holds at `stage`.
 * @throws GuestError when it never comes there; the message shows the console.
 */
export async function runToMarker(
  stage: BootStage,
  recorder: Recorder,
  booter: Pick<Booter, 'signal'>,
): Promise<RunReport> {
  const report = await recorder.machine.run({
    triggers: [{ when: { on: 'marker', kind: USER_MARKERS[stage] }, then: { do: 'stop' } }],
    virtualMsMax: BOOT_MS_MAX,
  });
  if (report.reason.why !== 'trigger') {
    const awaited = stage === 'beforeDisk' ? 'the kernel to start its init' : 'the agent of the root filesystem';
    throw unexpectedStop(awaited, report, recorder.seen(), booter.signal);
  }
  return report;
}
