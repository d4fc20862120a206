// SPDX-License-Identifier: MIT
/**
 * The machines of a timeline, one after the other. Each begins with the disks, the share and the time of day of its
 * predecessor.
 */
import { Agent } from '../agent/agent.js';
import type { MachineConfig, MarkerSeen, ShareEntry, WriteShown } from '../machine/contract.js';
import { InputError } from '../machine/errors.js';
import { writeShown } from '../machine/written.js';
import { BootFailed, machineAt, restoreAt, type Booter, type BootStage, type BootStates } from './boot.js';
import type { BootState } from './boot-state.js';
import { afterPowerOff, neverPowered, writesBetween, type PoweredOff } from './power.js';
import type { DiskState } from './proofs.js';
import { resumeWords, type SwapPlace } from './swap-place.js';
import { endState, type Recorder, type Seen } from './recorder.js';

/** What a machine has shown so far, without its outputs. */
export interface MachineShown {
  /** 1 for the first. */
  readonly number: number;
  /** Virtual time from the first power-on to that of this machine, over all machines. */
  readonly startVirtualMs: number;
  /** Virtual time and instruction counter of this machine. */
  readonly virtualMs: number;
  readonly instructions: number;
  readonly markers: readonly MarkerSeen[];
  /** Per disk, oldest first. */
  readonly writes: readonly (readonly WriteShown[])[];
}

export interface MachinesDeps {
  /** Called after each step, and before a machine is turned off, with all that it has shown. */
  readonly onMachine?: (shown: MachineShown) => void;
  /** Called before a machine is made: 1 for the first. */
  readonly onPowerOn?: (number: number) => void;
  readonly booter: Booter;
  readonly states: BootStates;
  /** SHA-256 in hexadecimal of the concatenated parts. */
  readonly hash: (parts: readonly Uint8Array[]) => Promise<string>;
}

export class Machines {
  readonly #deps: MachinesDeps;
  #off: PoweredOff;
  /** The contents of the share at the last power-off, read while the next machine is made. */
  #share: Promise<readonly ShareEntry[] | undefined>;
  #recorder: Recorder | undefined;
  /** The number of machines so far. */
  #count = 0;
  #agent: Agent | undefined;
  /** The kernel's boot id. A resume keeps it, and a boot makes a new one. */
  #bootId: string | undefined;
  /** Where the next machine looks for an image, if its kernel command line does not say so. */
  #resumeFrom: SwapPlace | undefined;
  /** Hashes of the machines that have been turned off; they are computed while the next one runs. */
  readonly #states: Promise<string>[] = [];

  constructor(deps: MachinesDeps) {
    this.#deps = deps;
    const { config } = deps.booter;
    this.#share = Promise.resolve(config.share);
    this.#off = neverPowered(
      config.disks.map(({ base }) => base),
      config.wallClockMs,
    );
  }

  /** The disks, time of day and totals of the machines that have been turned off. */
  get off(): PoweredOff {
    return this.#off;
  }

  /** The disks of the running machine as they are now. @throws InputError when there is none. */
  get disksNow(): readonly DiskState[] {
    return this.disksAt(Infinity);
  }

  /** The disks of the running machine as they were at an instruction of it. @throws InputError when there is none. */
  disksAt(instruction: number): readonly DiskState[] {
    const seen = this.recorder.seen();
    return afterPowerOff(this.#off, { ...seen, writes: writesBetween(seen.writes, 0, instruction) }).disks;
  }

  get isOn(): boolean {
    return this.#recorder !== undefined;
  }

  /** Number of the running machine, or of the last one: 1 for the first. 0 before the first. */
  get number(): number {
    return this.#count;
  }

  /** The running machine. @throws InputError when there is none. */
  get recorder(): Recorder {
    if (!this.#recorder) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#recorder;
  }

  /** The agent of the running machine. @throws InputError when there is none. */
  get agent(): Agent {
    if (!this.#agent) throw new InputError('the machine is off', { remedy: 'boot it first' });
    return this.#agent;
  }

  /** Whether the agent of the running machine has answered. */
  get hasAgent(): boolean {
    return this.#agent !== undefined;
  }

  /** Virtual time from the first power-on until now, over all machines. */
  get virtualMs(): number {
    return this.#off.total.virtualMs + (this.#recorder?.seen().virtualMs ?? 0);
  }

  get bootId(): string | undefined {
    return this.#bootId;
  }

  /**
   * A new machine on the present disks, stopped at `stage`.
   * @throws BootFailed when it does not reach the stage. Its evidence is kept.
   */
  async powerOn(stage: BootStage): Promise<Recorder> {
    const { states } = this.#deps;
    const booter = await this.#nextBooter();
    this.#deps.onPowerOn?.(this.#count + 1);
    // A worker without a reference would keep the process alive.
    await this.#recorder?.machine.close();
    const recorder = await machineAt(stage, booter, states, async (): Promise<Partial<MachineConfig>> => {
      const share = await this.#share;
      return { ...(share && { share }), wallClockMs: this.#off.wallClockMs, disks: this.#off.disks };
    }).catch((error: unknown) => {
      if (error instanceof BootFailed) this.#keep(error.seen, Promise.resolve(error.stateHash));
      throw error;
    });
    this.#recorder = recorder;
    this.#count += 1;
    return recorder;
  }

  /** Connects to the agent of a machine that has booted. */
  async connect(): Promise<Agent> {
    const { signal } = this.#deps.booter;
    const agent = new Agent(this.recorder.machine, { ...(signal && { signal }) });
    this.#bootId = (await agent.connect()).bootId;
    this.#agent = agent;
    return agent;
  }

  /** Connects to the agent of a resumed machine and returns the boot id that the agent reports. */
  async reconnect(agent: Agent): Promise<string> {
    const { bootId } = await agent.attach(this.recorder.machine);
    this.#agent = agent;
    return bootId;
  }

  /** From here on, this is the agent of the running machine: its live timeline goes on. */
  goOnWith(live: Agent): void {
    this.#agent = live;
  }

  /** Continues in a new machine from the point where `state` was made. */
  async restore(state: BootState): Promise<void> {
    this.#deps.onPowerOn?.(this.#count + 1);
    this.#recorder = await restoreAt(state, this.#deps.booter);
    this.#count += 1;
    await this.connect();
  }

  /** Has later machines look for an image there; undefined: where the kernel command line says. */
  resumeFrom(swap: SwapPlace | undefined): void {
    this.#resumeFrom = swap;
  }

  /** The booter of a machine that looks for its image in the right place. */
  async #nextBooter(): Promise<Booter> {
    const { booter, hash } = this.#deps;
    if (this.#resumeFrom === undefined) return booter;
    const words = resumeWords(this.#resumeFrom);
    const { config, configKey } = booter;
    const key = await hash([new TextEncoder().encode(`${configKey}\n${words}`)]);
    return {
      ...booter,
      config: { ...config, cmdline: `${config.cmdline} ${words}` },
      configKey: key.slice(0, configKey.length),
    };
  }

  /** Prepares the machine that will resume, as far as possible while the present one suspends. */
  expectResume(): void {
    const { booter, states } = this.#deps;
    // The share comes from the present machine, so the new machine cannot be made before power-off.
    if (!booter.engine.expect || booter.config.share) return;
    // The same error is thrown and reported again when the machine is needed.
    this.#nextBooter()
      .then(async (next) => next.engine.expect?.(next.config, (await states.at('beforeDisk', next)).checkpoint))
      .catch(() => undefined);
  }

  /** Tells the listener what the running machine has shown, if there is one. */
  show(): void {
    const { onMachine } = this.#deps;
    // What was seen is put together for the listener only.
    if (!onMachine || !this.#recorder) return;
    const { virtualMs, instructions, markers, writes } = this.#recorder.seen();
    const { total } = this.#off;
    onMachine({
      number: this.#count,
      startVirtualMs: total.virtualMs,
      virtualMs,
      instructions,
      markers: [...markers],
      writes: writes.map((of) => of.map(writeShown)),
    });
  }

  powerOff(): void {
    this.show();
    const { recorder } = this;
    const seen = recorder.seen();
    const { machine } = recorder;
    if (this.#deps.booter.config.share) {
      this.#share = machine.readShare();
      this.#share.catch(() => undefined);
    }
    const state = endState(recorder);
    // The end of its worker is not awaited, because freeing its memory takes long.
    void state.catch(() => undefined).then(() => machine.close());
    this.#keep(seen, state);
    this.#recorder = undefined;
    this.#agent = undefined;
  }

  /** Keeps the evidence of a machine that will not run again, and the hash of its last state. */
  #keep(seen: Seen, state: Promise<string>): void {
    const writes = seen.writes.map((of) => this.#deps.hash(of.map(({ bytes }) => bytes)));
    this.#states.push(state, ...writes);
    // `stateHash` awaits them at the end; a rejection before that must not end the process.
    for (const part of [state, ...writes]) part.catch(() => undefined);
    this.#off = afterPowerOff(this.#off, seen);
  }

  /** Advances the time of day while the machine is off. */
  stayOff(offMs: number): void {
    this.#off = { ...this.#off, wallClockMs: this.#off.wallClockMs + offMs };
  }

  /** Alters the disks of a machine that is off. */
  alterDisks(altered: (state: DiskState, disk: number) => DiskState): void {
    this.#off = { ...this.#off, disks: this.#off.disks.map(altered) };
  }

  /** SHA-256 (hex) over the last states of the machines and over their writes. */
  async stateHash(): Promise<string> {
    const states = await Promise.all(this.#states);
    return this.#deps.hash([new TextEncoder().encode(states.join('\n'))]);
  }

  async close(): Promise<void> {
    await this.#recorder?.machine.close();
  }
}
