// SPDX-License-Identifier: MIT
/**
 * Boots a machine to a defined point, and uses checkpoints on the way.
 *
 * A guest that is held at a marker spins there until the end of the tick, and this spinning counts as instructions. So
 * every run stops at the same markers, whether it makes its checkpoints there or takes them from the cache. Both ways
 * give the same run.
 */
import type { Engine, EngineTraits, Machine, MachineConfig, RunReport, Written } from '../machine/contract.js';
import { GuestError, StallError } from '../machine/errors.js';
import { USER_MARKERS } from '../machine/markers.js';
import { decodeBootState, encodeBootState, type BootState } from './boot-state.js';
import { endState, record, type Recorder, type Seen, type Waited } from './recorder.js';
import { bootStopped, unexpectedStop } from './stop.js';

/** Stores bytes by name. A damaged entry counts as absent. */
export interface ByteCache {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

/** Points at which a booting machine holds, in their order. */
export const BOOT_STAGES = ['beforeDisk', 'agentReady'] as const;
export type BootStage = (typeof BOOT_STAGES)[number];

export interface Booter {
  readonly engine: Engine;
  readonly config: MachineConfig;
  /** A key for everything that determines the machine from power-on: engine, config, contents of its files. */
  readonly configKey: string;
  readonly cache: ByteCache;
  readonly signal?: AbortSignal;
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** See `RunRequest.onWritten`. */
  readonly onWritten?: (written: Written) => void;
  /** Called with a text when something begins. Called without a text with the progress of a wait. */
  readonly onProgress?: (what: string, waited?: Waited) => void;
}

/**
 * Bound of a boot in virtual time, times the engine's patience: several times the need of the slowest kernel.
 */
const BOOT_MS_MAX = 20_000;

/**
 * A machine did not reach the stage that it was booted to. The machine is already closed when this is caught, so the
 * error contains its evidence.
 */
export class BootFailed extends GuestError {
  /** Everything recorded of the machine, from power-on to its stop. */
  readonly seen: Seen;
  /** SHA-256 (hex) of the machine at its stop, as returned by `Machine.stateHash`. */
  readonly stateHash: string;
  constructor(cause: GuestError, seen: Seen, stateHash: string) {
    const { message, remedy, consoleTail } = cause;
    super(message, { cause, consoleTail, ...(remedy !== undefined && { remedy }) });
    this.seen = seen;
    this.stateHash = stateHash;
  }
}

/**
 * Boot states by key. Each is made once in this process and stored in the cache for later processes. The failure of a
 * guest is kept, too: it would fail again. After any other failure (a full disk, a machine that stalled, an
 * interruption) the state is made anew when it is next asked for.
 */
export interface BootStates {
  /** The state of that name, from the cache or from `make`. */
  obtain(name: string, booter: Booter, make: () => Promise<BootState>): Promise<BootState>;
  /**
   * A machine that holds at a stage of its boot.
   * @throws BootFailed when the guest does not reach it.
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
      state.catch((error: unknown) => {
        if (!wouldFailAgain(error)) underWay.delete(key);
      });
    }
    return state;
  };
  const at: BootStates['at'] = (stage, booter) =>
    obtain(stage, booter, async () => {
      const recorder =
        stage === 'beforeDisk' ? await powerOn(booter) : await restoreAt(await at('beforeDisk', booter), booter);
      try {
        await goOnTo(stage, recorder, booter);
        return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
      } finally {
        await recorder.machine.close();
      }
    });
  return { obtain, at };
}

/** Two machines with equal inputs fail equally. A stall depends on the host's time. */
const wouldFailAgain = (error: unknown): boolean =>
  error instanceof GuestError && !(error instanceof StallError) && !(error.cause instanceof StallError);

/**
 * True when machines that continue from a common checkpoint are as good as machines that go there by themselves. Otherwise
 * no two boots are equal (where the kernel lies, for instance), and each machine is to have one of its own.
 */
export const hasEqualBoots = ({ checkpoints, deterministic }: EngineTraits): boolean =>
  checkpoints.length > 0 && deterministic;

/**
 * A machine that holds at a stage of its boot. It comes from a checkpoint, if all boots are equal; `late` is the part of
 * its config that does not belong to the checkpoint's.
 * @throws BootFailed when the guest does not reach the stage.
 */
export async function machineAt(
  stage: BootStage,
  booter: Booter,
  states: BootStates,
  late: () => Promise<Partial<MachineConfig>> = () => Promise.resolve({}),
): Promise<Recorder> {
  const withLate = async (): Promise<Booter> => ({ ...booter, config: { ...booter.config, ...(await late()) } });
  if (hasEqualBoots(booter.engine.traits)) {
    const state = await states.at(stage, booter);
    return restoreAt(state, await withLate());
  }
  const itself = await withLate();
  const recorder = await powerOn(itself);
  try {
    for (const each of BOOT_STAGES.slice(0, BOOT_STAGES.indexOf(stage) + 1)) await goOnTo(each, recorder, itself);
    return recorder;
  } catch (error) {
    await recorder.machine.close();
    throw error;
  }
}

/** @throws BootFailed when the guest does not reach the stage. */
async function goOnTo(stage: BootStage, recorder: Recorder, booter: Booter): Promise<void> {
  booter.onProgress?.(stage === 'beforeDisk' ? 'booting the kernel' : 'booting to the agent');
  try {
    await runToMarker(stage, recorder, booter);
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    throw new BootFailed(error, recorder.seen(), await endState(recorder));
  }
}

async function fromCache(key: string, { cache }: Booter): Promise<BootState | undefined> {
  const bytes = await cache.get(key);
  return bytes && decodeBootState(bytes);
}

async function powerOn(booter: Booter): Promise<Recorder> {
  return recordFor(await booter.engine.powerOn(booter.config), booter, {});
}

/**
 * A fresh machine at the point where `state` was made. Its disks and wall clock may differ from those of the original
 * machine.
 */
export async function restoreAt(state: BootState, booter: Booter): Promise<Recorder> {
  return recordFor(await booter.engine.restore(booter.config, state.checkpoint), booter, { before: state.seen });
}

function recordFor(machine: Machine, booter: Booter, more: Pick<Parameters<typeof record>[1], 'before'>): Recorder {
  const { signal, onConsole, onWritten, onProgress } = booter;
  return record(machine, {
    diskCount: booter.config.disks.length,
    ...more,
    ...(signal && { signal }),
    ...(onConsole && { onConsole }),
    ...(onWritten && { onWritten }),
    ...(onProgress && { onProgress: (waited: Waited) => onProgress('', waited) }),
  });
}

/**
 * Runs until the guest holds at `stage`.
 * @throws GuestError when it does not get there; the message shows the console.
 */
export async function runToMarker(
  stage: BootStage,
  recorder: Recorder,
  booter: Pick<Booter, 'signal' | 'engine'>,
): Promise<RunReport> {
  const report = await recorder.machine.run({
    triggers: [USER_MARKERS[stage], USER_MARKERS.bootStopped].map((kind) => ({
      when: { on: 'marker', kind },
      then: { do: 'stop' },
    })),
    virtualMsMax: BOOT_MS_MAX * booter.engine.traits.patience,
  });
  const { reason } = report;
  if (reason.why === 'trigger' && reason.index === 0) return report;
  const awaited = stage === 'beforeDisk' ? 'the kernel to start its init' : 'the agent of the root filesystem';
  throw reason.why === 'trigger'
    ? bootStopped(awaited, recorder.seen())
    : unexpectedStop(awaited, report, recorder.seen(), booter.signal);
}
