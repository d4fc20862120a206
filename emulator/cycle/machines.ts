// SPDX-License-Identifier: MIT
/**
 * The machines of a timeline, one after the other: each begins with the disks, the share and the time of day that the one
 * before it left.
 */
import { Agent } from '../agent/agent.js';
import type { MachineConfig, ShareEntry } from '../machine/contract.js';
import { InputError } from '../machine/errors.js';
import { BootFailed, restoreAt, type Booter, type BootStage, type BootStates } from './boot.js';
import type { BootState } from './boot-state.js';
import { afterPowerOff, neverPowered, type PoweredOff } from './power.js';
import type { DiskState } from './proofs.js';
import { endState, type Recorder, type Seen } from './recorder.js';

export interface MachinesDeps {
  readonly booter: Booter;
  readonly states: BootStates;
  /** SHA-256 in hexadecimal, of parts one after the other. */
  readonly hash: (parts: readonly Uint8Array[]) => Promise<string>;
}

export class Machines {
  readonly #deps: MachinesDeps;
  #off: PoweredOff;
  /** What the share held at the last power-off; read while the next machine is made. */
  #share: Promise<readonly ShareEntry[] | undefined>;
  #recorder: Recorder | undefined;
  /** How many there have been. */
  #count = 0;
  #agent: Agent | undefined;
  /** The kernel's boot id: a resume keeps it, a boot makes a new one. */
  #bootId: string | undefined;
  /** Hashes of the machines that have been turned off; computed while the next one runs. */
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

  /** What the machines that have been turned off have left. */
  get off(): PoweredOff {
    return this.#off;
  }

  get isOn(): boolean {
    return this.#recorder !== undefined;
  }

  /** Number of the running machine, or of the last one: 1 for the first. 0 before there is any. */
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
   * A new machine on the disks as they are, standing at `stage`.
   * @throws BootFailed when it does not come there; what it left is kept.
   */
  async powerOn(stage: BootStage): Promise<Recorder> {
    const { booter, states } = this.#deps;
    // A worker that nobody holds any longer would keep the process alive.
    await this.#recorder?.machine.close();
    const state = await states.at(stage, booter).catch((error: unknown) => {
      if (error instanceof BootFailed) this.#keep(error.seen, Promise.resolve(error.stateHash));
      throw error;
    });
    const share = await this.#share;
    const config: MachineConfig = {
      ...booter.config,
      ...(share && { share }),
      wallClockMs: this.#off.wallClockMs,
      disks: this.#off.disks,
    };
    const recorder = await restoreAt(state, { ...booter, config });
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

  /** Connects to the agent of a machine that has been resumed; answers the boot id that it tells. */
  async reconnect(agent: Agent): Promise<string> {
    const { bootId } = await agent.attach(this.recorder.machine);
    this.#agent = agent;
    return bootId;
  }

  /** Goes on, in another machine, where `state` was made. */
  async takeUp(state: BootState): Promise<void> {
    this.#recorder = await restoreAt(state, this.#deps.booter);
    this.#count += 1;
    await this.connect();
  }

  /** Makes as much of the machine that will resume as can be made while the present one suspends. */
  expectResume(): void {
    const { booter, states } = this.#deps;
    const { engine, config } = booter;
    // Each machine has the share as the one before left it.
    if (!engine.expect || config.share) return;
    // An error comes again, and is reported, when the machine is needed.
    states
      .at('beforeDisk', booter)
      .then(({ checkpoint }) => engine.expect?.(config, checkpoint))
      .catch(() => undefined);
  }

  powerOff(): void {
    const { recorder } = this;
    const seen = recorder.seen();
    const { machine } = recorder;
    if (this.#deps.booter.config.share) {
      this.#share = machine.readShare();
      this.#share.catch(() => undefined);
    }
    const state = endState(recorder);
    // Nobody waits for the end of its worker: that takes as long as giving back its memory does.
    void state.catch(() => undefined).then(() => machine.close());
    this.#keep(seen, state);
    this.#recorder = undefined;
    this.#agent = undefined;
  }

  /** Keeps what a machine left that will not run again: what was seen of it, and the hash of the state it ended in. */
  #keep(seen: Seen, state: Promise<string>): void {
    const writes = seen.writes.map((of) => this.#deps.hash(of.map(({ bytes }) => bytes)));
    this.#states.push(state, ...writes);
    // `stateHash` awaits them at the end; a rejection before that must not end the process.
    for (const part of [state, ...writes]) part.catch(() => undefined);
    this.#off = afterPowerOff(this.#off, seen);
  }

  /** Lets the time of day run on while the machine is off. */
  stayOff(offMs: number): void {
    this.#off = { ...this.#off, wallClockMs: this.#off.wallClockMs + offMs };
  }

  /** Alters the disks of a machine that is off. */
  alterDisks(altered: (state: DiskState, disk: number) => DiskState): void {
    this.#off = { ...this.#off, disks: this.#off.disks.map(altered) };
  }

  /** SHA-256 (hex) over the states in which the machines were turned off and over what they wrote. */
  async stateHash(): Promise<string> {
    const states = await Promise.all(this.#states);
    return this.#deps.hash([new TextEncoder().encode(states.join('\n'))]);
  }

  async close(): Promise<void> {
    await this.#recorder?.machine.close();
  }
}
