// SPDX-License-Identifier: MIT
/**
 * The host side of the guest's agent: runs programs in a machine and transfers files, through the second serial line.
 *
 * The machine runs only while one of these functions waits, and every wait is bounded in virtual time. The agent in the
 * guest survives a suspend together with the guest: `attach` connects to it in the machine that resumed it.
 */
import { concat } from '../machine/bytes.js';
import type { Machine } from '../machine/contract.js';
import { DELIVERY_BYTES_MAX } from '../machine/delivery.js';
import { ERRNO } from '../machine/errno.js';
import { GuestError, InputError, PowerCut } from '../machine/errors.js';
import { AgentChannel, type Budget, type ChannelOptions, type Interruption } from './channel.js';
import { CHUNK_BYTES_MAX, type Frame, PAYLOAD_BYTES_MAX } from './frame.js';
import { Job, type JobResult, type Look, Overdue } from './job.js';
import {
  ANSWER,
  PayloadReader,
  payloadOf,
  PROTOCOL_VERSION,
  PUT_FIRST,
  PUT_LAST,
  REQUEST,
  START_ENDS,
  START_FOLLOW,
  START_STDIN,
} from './protocol.js';
import { type ArmedTrigger, TriggerSet } from './triggers.js';

/** Default bound of an exchange. */
const VIRTUAL_MS_MAX = 30_000;
/** Time between two greetings to an agent that does not answer yet. */
const HELLO_EVERY_MS = 500;
/** After each of these steps the host confirms the output that it has received, so that the guest may drop it. */
const CONFIRM_EVERY_BYTES = 1 << 20;

export interface WaitOptions {
  /**
   * Bound in virtual ms, times the patience of the machine's engine; default 30 s. A wait that exceeds it ends with a
   * GuestError.
   */
  readonly virtualMsMax?: number;
  /** Triggers of the machine during the wait. Each fires once. */
  readonly triggers?: readonly ArmedTrigger[];
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default `/`. */
  readonly cwd?: string;
  /** Default empty. */
  readonly stdin?: Uint8Array | string;
  /** The guest kills the program after this time (of its own CLOCK_MONOTONIC). */
  readonly timeoutMs?: number;
}

export interface SpawnInBackground extends SpawnOptions {
  /**
   * The guest keeps only the beginning and the end of each output, at least `KEPT_END_BYTES` of each. By default it
   * keeps all, and a program waits when it has written 16 MiB that nobody took.
   */
  readonly onlyEnds?: boolean;
}

export interface AdoptOptions extends Pick<SpawnInBackground, 'onlyEnds'> {
  /** Offsets in stdout and stderr from which output is requested; default 0. */
  readonly from?: readonly [number, number];
}

export interface AgentIdentity {
  readonly bootId: string;
  /** Process id of the agent. If it changes, the agent was restarted and knows no jobs. */
  readonly pid: number;
}

export interface PutOptions extends WaitOptions {
  /** Permission bits; default 0644. */
  readonly mode?: number;
  /** Called with the number of bytes that the guest has written so far. */
  readonly onWritten?: (bytes: number) => void;
}

/** The free space of a filesystem of the guest. */
export interface Room {
  /** Number of its device. Paths with the same number share the space. */
  readonly device: number;
  readonly blockBytes: number;
  /** 0 for a filesystem that does not count them. */
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
}

/** The guest's agent refused a request; `errno` is Linux's number. The caller gets it as the cause of a GuestError. */
class Refusal extends Error {
  readonly errno: number;
  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** The machine stopped before the answer came. */
class MachineStopped extends Error {
  readonly interruption: Interruption;
  constructor(interruption: Interruption) {
    super(`the machine stopped: ${interruption.why}`);
    this.interruption = interruption;
  }
}

export class Agent {
  readonly #channel: AgentChannel;
  readonly #jobs = new Map<number, Job>();
  #lastId = 0;
  #nonce = 0;
  /** False once it is known that the machine has no place for deliveries, or that the guest's agent does not support it. */
  #delivers = true;

  constructor(machine: Machine, options: ChannelOptions = {}) {
    this.#channel = new AgentChannel(machine, options);
  }

  /** The last console lines, of all runs through this agent. */
  get consoleTail(): readonly string[] {
    return this.#channel.consoleTail;
  }

  /**
   * Waits until the agent answers. This also resynchronizes the line after part of a frame was lost.
   * @throws GuestError when the agent does not answer, or the machine stops during the wait.
   */
  async connect(options: WaitOptions = {}): Promise<AgentIdentity> {
    const virtualMsMax = this.#boundOf(options);
    const triggers = new TriggerSet(options.triggers);
    const nonce = ++this.#nonce;
    for (let leftMs = virtualMsMax; leftMs > 0; leftMs -= HELLO_EVERY_MS) {
      this.#channel.sendDelimiter();
      this.#channel.send({ type: REQUEST.hello, id: 0, payload: payloadOf(nonce) });
      const budget = { leftMs: Math.min(HELLO_EVERY_MS, leftMs) };
      for (;;) {
        const next = await this.#channel.next(budget, triggers);
        if ('why' in next) {
          if (next.why === 'timeout') break;
          throw this.#stopped('the agent to answer', next);
        }
        const identity = this.#identityIn(next, nonce);
        if (identity !== undefined) return identity;
        this.#dispatch(next);
      }
    }
    throw this.#channel.gaveUp('the agent to answer', virtualMsMax);
  }

  /**
   * Continues in another machine, in which the guest of the former one was resumed or restored.
   * Jobs stay known; `wait(job)` requests lost output again.
   */
  async attach(machine: Machine, options: WaitOptions = {}): Promise<AgentIdentity> {
    this.#channel.attach(machine);
    for (const job of this.#jobs.values()) job.following = false;
    return this.connect(options);
  }

  /**
   * Runs a program and waits for its end.
   * @throws InputError when the command is too long, GuestError when it cannot be started, Overdue when it exceeds the
   *   bound.
   */
  async exec(argv: readonly string[], options: SpawnOptions & WaitOptions = {}): Promise<JobResult> {
    return this.#finish(this.#newJob(argv, options, START_FOLLOW), options);
  }

  /** Starts a program and returns while it runs. Pass the returned job to `wait` or `peek`. Throws like `exec`. */
  async spawn(argv: readonly string[], options: SpawnInBackground & WaitOptions = {}): Promise<Job> {
    const job = this.#newJob(argv, options, options.onlyEnds === true ? START_ENDS : 0);
    const budget = this.#budgetOf(options);
    const triggers = new TriggerSet(options.triggers);
    await this.#uninterrupted(`'${job.title}' to start`, options, async () => {
      await this.#start(job, budget, triggers);
      await this.#feed(job, budget, triggers);
    });
    return job;
  }

  /** Waits for the end of a program. The result has all of its output since the start, even if it was read before. */
  async wait(job: Job, options: WaitOptions = {}): Promise<JobResult> {
    return this.#finish(job, options);
  }

  /**
   * The state of a program and its output so far. A process of its group that outlives it may still write, unless
   * somebody waits for the program.
   */
  async peek(job: Job, options: WaitOptions = {}): Promise<Look> {
    if (job.released) return job.look;
    const triggers = new TriggerSet(options.triggers);
    const budget = this.#budgetOf(options);
    await this.#uninterrupted(`the state of '${job.title}'`, options, async () => {
      this.#channel.send({ type: REQUEST.collect, id: job.id, payload: payloadOf(...job.offsets, 0) });
      for (;;) {
        const frame = await this.#takeOne(budget, triggers);
        if (frame.id !== job.id) continue;
        if (frame.type === ANSWER.error) throw refusalIn(frame);
        if (frame.type === ANSWER.status) return;
      }
    });
    return job.look;
  }

  /** Makes the job of a program that another `Agent` has started in this guest. All agents share the ids. */
  adopt(id: number, argv: readonly string[], options: AdoptOptions = {}): Job {
    const job = new Job(id, argv, new Uint8Array(0), undefined, options);
    // Any number: it means that the program has been started.
    job.pid = 0;
    this.#jobs.set(id, job);
    return job;
  }

  /** Sends a signal (Linux's number) to a program and its process group. */
  async kill(job: Job, signal: number, options: WaitOptions = {}): Promise<void> {
    await this.#simply(`signal ${signal} for '${job.title}'`, REQUEST.kill, payloadOf(job.id, signal), options);
  }

  /**
   * Puts a file into the guest, completely or not at all. Missing folders on its path are made.
   * @throws GuestError when the guest refuses it, or a piece of it is not written within the bound.
   */
  async putFile(path: string, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    let offset = 0;
    do {
      // A file that fits into one frame needs no delivery.
      const delivered =
        bytes.length > CHUNK_BYTES_MAX ? await this.#deliverPiece(path, bytes, offset, options) : undefined;
      offset += delivered ?? (await this.#sendPiece(path, bytes, offset, options));
      options.onWritten?.(offset);
    } while (offset < bytes.length);
  }

  /** The free space of the filesystem for a file at this path; undefined when the guest's agent does not support it. */
  async roomFor(path: string, options: WaitOptions = {}): Promise<Room | undefined> {
    try {
      const answer = await this.#simply(`the room for ${path}`, REQUEST.room, payloadOf(path), options);
      const words = new PayloadReader(answer.payload);
      const [device, blockBytes, blocks, freeBlocks, freeInodes] = Array.from({ length: 5 }, () => words.word());
      return { device, blockBytes, blocks, freeBlocks, freeInodes } as Room;
    } catch (error) {
      if (isRefusal(error, ERRNO.ENOSYS)) return undefined;
      throw error;
    }
  }

  /** The contents of a file of the guest. Its size need not be known (as in /proc). */
  async getFile(path: string, options: WaitOptions = {}): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let offset = 0; ;) {
      const answer = await this.#simply(
        `${path} to be read`,
        REQUEST.get,
        payloadOf(offset, CHUNK_BYTES_MAX, path),
        options,
      );
      const piece = answer.payload.subarray(4);
      if (piece.length === 0) return concat(pieces);
      pieces.push(piece);
      offset += piece.length;
    }
  }

  /** Makes the guest send a marker. A machine may stop or hold there. */
  async mark(kind: number, word0 = 0, word1 = 0, options: WaitOptions = {}): Promise<void> {
    await this.#simply('a marker', REQUEST.mark, payloadOf(kind, word0, word1), options);
  }

  /** Asks the guest's init for a clean shutdown, and waits until the machine stops. */
  async powerOff(options: WaitOptions = {}): Promise<Interruption> {
    const budget = this.#budgetOf(options);
    const triggers = new TriggerSet(options.triggers);
    await this.#uninterrupted('init to start the shutdown', options, () =>
      this.#ask(REQUEST.shutdown, new Uint8Array(0), budget, triggers),
    );
    const interruption = await this.#channel.runOn(budget, triggers);
    if (interruption.why === 'timeout') throw this.#channel.gaveUp('the guest to power off', this.#boundOf(options));
    return interruption;
  }

  /** Lets this virtual time pass, unless the machine stops earlier. Returns the reason for the stop. */
  async letRun(virtualMs: number, triggers: readonly ArmedTrigger[] = []): Promise<Interruption> {
    const interruption = await this.#channel.runOn({ leftMs: virtualMs }, new TriggerSet(triggers));
    for (const frame of this.#channel.drain()) this.#dispatch(frame);
    return interruption;
  }

  /** Writes the next piece of a file by a frame. Returns its length. */
  async #sendPiece(path: string, bytes: Uint8Array, offset: number, options: PutOptions): Promise<number> {
    const piece = bytes.subarray(offset, offset + CHUNK_BYTES_MAX);
    const payload = payloadOf(...putWords(bytes, offset, piece, options), path, piece);
    await this.#simply(`${path} to be written`, REQUEST.put, payload, options);
    return piece.length;
  }

  /**
   * Writes the next piece of a file by a delivery. Returns its length; undefined when the guest cannot use it.
   */
  async #deliverPiece(
    path: string,
    bytes: Uint8Array,
    offset: number,
    options: PutOptions,
  ): Promise<number | undefined> {
    if (!this.#delivers) return undefined;
    // A copy, because a view would be sent to the machine's worker with its whole buffer.
    const piece = bytes.slice(offset, offset + DELIVERY_BYTES_MAX);
    const payload = payloadOf(...putWords(bytes, offset, piece, options), piece.length, path);
    this.#channel.deliver(piece);
    try {
      await this.#simply(`${path} to be written`, REQUEST.fetch, payload, options);
      return piece.length;
    } catch (error) {
      if (!isRefusal(error, ERRNO.ENXIO) && !isRefusal(error, ERRNO.ENOSYS)) throw error;
      this.#delivers = false;
      return undefined;
    }
  }

  #boundOf({ virtualMsMax = VIRTUAL_MS_MAX }: WaitOptions): number {
    return virtualMsMax * this.#channel.patience;
  }

  #budgetOf(options: WaitOptions): Budget {
    return { leftMs: this.#boundOf(options) };
  }

  #newJob(argv: readonly string[], options: SpawnOptions, flags: number): Job {
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const stdin = typeof options.stdin === 'string' ? new TextEncoder().encode(options.stdin) : options.stdin;
    if (argv.length === 0) throw new InputError('a command needs at least the name of a program');
    if ([...argv, ...env, options.cwd ?? ''].some((word) => word.includes('\0'))) {
      throw new InputError(`the command '${argv.join(' ')}' contains a zero byte`);
    }
    const allFlags = flags | (stdin === undefined ? 0 : START_STDIN);
    const payload = payloadOf(
      allFlags,
      options.timeoutMs ?? 0,
      argv.length,
      env.length,
      options.cwd ?? '',
      ...argv,
      ...env,
    );
    if (payload.length > PAYLOAD_BYTES_MAX) {
      throw new InputError(
        `the command '${argv[0] ?? ''} ...' is ${payload.length} bytes long, more than ${PAYLOAD_BYTES_MAX}`,
        {
          remedy: 'put its data into a file, or give them on standard input',
        },
      );
    }
    const job = new Job(++this.#lastId, argv, payload, stdin, { onlyEnds: (flags & START_ENDS) !== 0 });
    job.following = (flags & START_FOLLOW) !== 0;
    this.#jobs.set(job.id, job);
    return job;
  }

  async #start(job: Job, budget: Budget, triggers: TriggerSet): Promise<void> {
    if (job.pid !== undefined) return;
    try {
      const answer = await this.#ask(REQUEST.start, job.start, budget, triggers, job.id);
      job.pid = new PayloadReader(answer.payload).word();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#jobs.delete(job.id);
      throw new GuestError(`cannot run '${job.title}' in the guest: ${error.message}`, {
        consoleTail: this.consoleTail,
      });
    }
  }

  async #feed(job: Job, budget: Budget, triggers: TriggerSet): Promise<void> {
    const stdin = job.stdin;
    while (stdin !== undefined && !job.stdinDone) {
      const piece = stdin.subarray(job.stdinBytesSent, job.stdinBytesSent + CHUNK_BYTES_MAX);
      const last = job.stdinBytesSent + piece.length >= stdin.length;
      await this.#ask(REQUEST.stdin, payloadOf(job.id, job.stdinBytesSent, last ? 1 : 0, piece), budget, triggers);
      job.stdinBytesSent += piece.length;
      job.stdinDone = last;
    }
  }

  async #finish(job: Job, options: WaitOptions): Promise<JobResult> {
    const budget = this.#budgetOf(options);
    const triggers = new TriggerSet(options.triggers);
    try {
      if (job.end === undefined) await this.#untilEnd(job, budget, triggers);
      // A separate request: if the machine stops before the answer, the program's end is known nevertheless.
      if (!job.released) await this.#release(job, budget, triggers);
    } catch (error) {
      if (!(error instanceof MachineStopped)) throw this.#explained(error, `the end of '${job.title}'`);
      for (const frame of this.#channel.drain()) this.#dispatch(frame);
      const { interruption } = error;
      if (interruption.why === 'trigger') return { ended: 'stopped', trigger: interruption.index, job, ...job.output };
      if (job.end === undefined) {
        if (interruption.why === 'timeout')
          throw new Overdue(job, this.#channel.gaveUp(`the end of '${job.title}'`, this.#boundOf(options)));
        return { ended: interruption.why, job, ...job.output };
      }
    }
    if (job.end === undefined) throw new GuestError(`the end of '${job.title}' is not known`);
    return { ...job.end, ...job.output };
  }

  async #untilEnd(job: Job, budget: Budget, triggers: TriggerSet): Promise<void> {
    await this.#start(job, budget, triggers);
    await this.#feed(job, budget, triggers);
    if (!job.following && job.end === undefined) {
      this.#channel.send({ type: REQUEST.collect, id: job.id, payload: payloadOf(...job.offsets, 1) });
      job.following = true;
    }
    while (job.end === undefined) {
      const frame = await this.#takeOne(budget, triggers);
      if (frame.type === ANSWER.error && frame.id === job.id) throw refusalIn(frame);
      if (job.unconfirmedBytes >= CONFIRM_EVERY_BYTES) {
        await this.#ask(REQUEST.consumed, payloadOf(job.id, ...job.offsets), budget, triggers);
        job.confirmed();
      }
    }
  }

  async #release(job: Job, budget: Budget, triggers: TriggerSet): Promise<void> {
    await this.#ask(REQUEST.release, payloadOf(job.id), budget, triggers);
    job.released = true;
    this.#jobs.delete(job.id);
  }

  /** A request of which only the answer matters. */
  #simply(awaited: string, type: number, payload: Uint8Array, options: WaitOptions): Promise<Frame> {
    return this.#uninterrupted(awaited, options, () =>
      this.#ask(type, payload, this.#budgetOf(options), new TriggerSet(options.triggers)),
    );
  }

  async #uninterrupted<T>(awaited: string, options: WaitOptions, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MachineStopped)) throw this.#explained(error, awaited);
      if (error.interruption.why === 'timeout') throw this.#channel.gaveUp(awaited, this.#boundOf(options));
      throw this.#stopped(awaited, error.interruption);
    }
  }

  /** Sends a request and waits for its answer. Other frames that arrive before it go to the jobs. */
  async #ask(
    type: number,
    payload: Uint8Array,
    budget: Budget,
    triggers: TriggerSet,
    id = ++this.#lastId,
  ): Promise<Frame> {
    this.#channel.send({ type, id, payload });
    for (;;) {
      const frame = await this.#takeOne(budget, triggers);
      if (frame.id !== id || isPushed(frame)) continue;
      if (frame.type === ANSWER.error) throw refusalIn(frame);
      return frame;
    }
  }

  /** The next frame. If it belongs to a job, the job has already received it. */
  async #takeOne(budget: Budget, triggers: TriggerSet): Promise<Frame> {
    const next = await this.#channel.next(budget, triggers);
    if ('why' in next) throw new MachineStopped(next);
    this.#dispatch(next);
    return next;
  }

  #dispatch(frame: Frame): void {
    if (isPushed(frame)) this.#jobs.get(frame.id)?.take(frame);
  }

  #identityIn(frame: Frame, nonce: number): AgentIdentity | undefined {
    if (frame.type !== ANSWER.hello) return undefined;
    const payload = new PayloadReader(frame.payload);
    const version = payload.word();
    if (payload.word() !== nonce) return undefined;
    const pid = payload.word();
    // Ids increase over all hosts that this agent has talked to, so that no new request has the id of an old one.
    this.#lastId = Math.max(this.#lastId, payload.word());
    if (version !== PROTOCOL_VERSION) {
      throw new GuestError(`the guest's agent speaks version ${version} of the protocol, not ${PROTOCOL_VERSION}`, {
        remedy: 'rebuild the disk image: it contains an agent of another version',
      });
    }
    return { bootId: payload.text(), pid };
  }

  #explained(error: unknown, awaited: string): unknown {
    if (!(error instanceof Refusal)) return error;
    const remedy =
      error.errno === ERRNO.ESRCH
        ? { remedy: 'the agent was restarted; the console shows why the former one ended' }
        : {};
    return new GuestError(`${error.message} (awaited: ${awaited})`, {
      cause: error,
      consoleTail: this.consoleTail,
      ...remedy,
    });
  }

  #stopped(awaited: string, interruption: Interruption): GuestError {
    const { consoleTail } = this;
    if (interruption.why === 'powerCut')
      return new PowerCut(`power was cut while the rig awaited ${awaited}`, { consoleTail });
    return new GuestError(`the machine stopped (${interruption.why}) while the rig awaited ${awaited}`, {
      consoleTail,
    });
  }
}

/** Whether an {@link Agent}'s error means that the guest refused a request with this error number. */
export function isRefusal(error: unknown, errno: number): error is GuestError {
  return error instanceof GuestError && error.cause instanceof Refusal && error.cause.errno === errno;
}

/** Flags, mode and offset of a piece of a file. */
function putWords(
  { length }: Uint8Array,
  offset: number,
  piece: Uint8Array,
  { mode = 0o644 }: PutOptions,
): readonly number[] {
  const flags = (offset === 0 ? PUT_FIRST : 0) | (offset + piece.length >= length ? PUT_LAST : 0);
  return [flags, mode, offset];
}

function isPushed(frame: Frame): boolean {
  return frame.type === ANSWER.output || frame.type === ANSWER.status;
}

function refusalIn(frame: Frame): Refusal {
  const payload = new PayloadReader(frame.payload);
  return new Refusal(payload.word(), payload.text());
}
