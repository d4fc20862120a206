// SPDX-License-Identifier: MIT
/** Programs that run in the guest for the host, and their results. */
import { GuestError, RigError } from '../machine/errors.js';
import { concat } from '../machine/bytes.js';
import type { Frame } from './frame.js';
import { ANSWER, JOB_STATE, PayloadReader } from './protocol.js';

export interface Output {
  /**
   * All bytes received so far. Where a guest went back to a snapshot, its program has not written what it wrote since:
   * these bytes are given up as soon as the guest says so.
   */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** What is missing of each. Absent when both are whole; only a program started with `onlyEnds` can have gaps. */
  readonly gaps?: { readonly stdout?: Gap; readonly stderr?: Gap };
}

/** Bytes in the middle of an output that are not there. */
export interface Gap {
  /** Number of bytes before the gap. */
  readonly atBytes: number;
  /** Number of bytes that are missing. */
  readonly bytes: number;
}

/** The state of a program, and its output so far. */
export interface Look extends Output {
  readonly running: boolean;
  /** Its end; undefined while it runs. */
  readonly end: JobEnd | undefined;
  /** Whether a process of its process group runs: the program itself, or one that outlives it. */
  readonly groupRuns: boolean;
}

/** The end of a program, or the reason why the rig stopped waiting for it. */
export type JobResult = Output &
  (
    | { readonly ended: 'exited'; readonly exitCode: number }
    /** A signal (Linux's i386 number) ended it. */
    | { readonly ended: 'signalled'; readonly signal: number }
    /** The guest killed it because its time limit was reached. */
    | { readonly ended: 'timedOut' }
    /** The machine is off or was reset. If another machine resumes the agent, call `wait(job)` again there. */
    | { readonly ended: 'halted' | 'powerCut' | 'reset'; readonly job: Job }
    /** The machine stopped at the caller's trigger number `trigger`. Call `wait(job)` again to continue. */
    | { readonly ended: 'stopped'; readonly trigger: number; readonly job: Job }
  );

/** The end of a program itself. */
export type JobEnd =
  | { readonly ended: 'exited'; readonly exitCode: number }
  | { readonly ended: 'signalled'; readonly signal: number }
  | { readonly ended: 'timedOut' };

/** A program did not end within its time limit. It may still run. */
export class Overdue extends GuestError {
  readonly job: Job;
  constructor(job: Job, { message, consoleTail, remedy }: GuestError) {
    super(message, { consoleTail, ...(remedy !== undefined && { remedy }) });
    this.job = job;
  }
}

export interface JobOutputOptions {
  /** The guest may drop the middle of its output. */
  readonly onlyEnds?: boolean;
  /** Offsets in stdout and stderr of the first bytes that are wanted; default 0. */
  readonly from?: readonly [number, number];
}

/** The host's record of a program in the guest, with its output so far. Made by `Agent.spawn` and `Agent.exec`. */
export class Job {
  /** The id of the program in the protocol with the guest's agent. */
  readonly id: number;
  readonly argv: readonly string[];
  /** The request that starts it. It is sent again until an answer has arrived. */
  readonly start: Uint8Array;
  readonly stdin: Uint8Array | undefined;
  /** Bytes of `stdin` that the guest has confirmed. */
  stdinBytesSent = 0;
  stdinDone: boolean;
  /** Process id in the guest, once it has started. */
  pid: number | undefined;
  /** In this machine, the agent sends output without a request. */
  following = false;
  released = false;
  /** The guest may drop the middle of its output. */
  readonly onlyEnds: boolean;
  readonly #received: readonly [Received, Received];
  #confirmedBytes = 0;
  #status: { readonly end: JobEnd; readonly bytes: readonly [number, number]; readonly groupRuns: boolean } | undefined;

  constructor(
    id: number,
    argv: readonly string[],
    start: Uint8Array,
    stdin: Uint8Array | undefined,
    { onlyEnds = false, from = [0, 0] }: JobOutputOptions = {},
  ) {
    this.id = id;
    this.argv = argv;
    this.start = start;
    this.stdin = stdin;
    this.onlyEnds = onlyEnds;
    this.#received = [new Received(from[0]), new Received(from[1])];
    this.stdinDone = stdin === undefined;
  }

  /** For messages. */
  get title(): string {
    return this.argv.join(' ');
  }

  /** How far stdout and stderr have been received, in bytes. */
  get offsets(): readonly [number, number] {
    return [this.#received[0].upTo, this.#received[1].upTo];
  }

  get output(): Output {
    const [stdout, stderr] = this.#received;
    const gaps = { ...(stdout.gap && { stdout: stdout.gap }), ...(stderr.gap && { stderr: stderr.gap }) };
    return { stdout: stdout.bytes, stderr: stderr.bytes, ...(Object.keys(gaps).length > 0 && { gaps }) };
  }

  /** The end of the program, defined once its status and all of its output have arrived. */
  get end(): JobEnd | undefined {
    const status = this.#status;
    if (status === undefined) return undefined;
    const [stdout, stderr] = this.offsets;
    return status.bytes[0] === stdout && status.bytes[1] === stderr ? status.end : undefined;
  }

  /** The state of the program as it was last seen. */
  get look(): Look {
    const { end } = this;
    return { ...this.output, running: end === undefined, end, groupRuns: this.#status?.groupRuns ?? true };
  }

  /** Bytes received since the last confirmation to the guest. */
  get unconfirmedBytes(): number {
    return this.#bytesReceived - this.#confirmedBytes;
  }

  confirmed(): void {
    this.#confirmedBytes = this.#bytesReceived;
  }

  get #bytesReceived(): number {
    return this.#received[0].upTo + this.#received[1].upTo;
  }

  /** Takes an OUTPUT or STATUS frame. */
  take(frame: Frame): void {
    const payload = new PayloadReader(frame.payload);
    if (frame.type === ANSWER.output) {
      const stream = payload.word() - 1;
      this.#takeOutput(stream === 0 ? 0 : 1, payload.word(), payload.rest());
      return;
    }
    const state = payload.word();
    const code = payload.word();
    const end = endOf(state, code);
    const bytes = [payload.word(), payload.word()] as const;
    const groupRuns = payload.word() !== 0;
    // It may have ended in a timeline that the guest has left, and run now.
    this.#status = end && { end, bytes, groupRuns };
    this.#goBackTo(0, bytes[0]);
    this.#goBackTo(1, bytes[1]);
  }

  #takeOutput(stream: 0 | 1, offset: number, bytes: Uint8Array): void {
    const received = this.#received[stream];
    if (offset > received.upTo && !this.onlyEnds)
      throw new RigError(`output of '${this.title}' was lost on the agent channel at byte ${received.upTo}`);
    this.#goBackTo(stream, offset);
    received.take(offset, bytes);
  }

  /** The guest counts fewer bytes than have arrived: it went back to a time at which the rest was not yet written. */
  #goBackTo(stream: 0 | 1, offset: number): void {
    this.#received[stream].dropFrom(offset);
    this.#confirmedBytes = Math.min(this.#confirmedBytes, this.#bytesReceived);
  }
}

/** What has arrived of an output: all of it, or its beginning and its end. */
class Received {
  /** The offset of the byte that comes next. */
  upTo: number;
  /** Everything before the gap. */
  #head: Uint8Array[] = [];
  #headBytes = 0;
  /** Everything after the last gap. */
  #tail: Uint8Array[] = [];
  /** The offset of the first byte of the tail; undefined without a gap. */
  #tailFrom: number | undefined;
  readonly #from: number;

  constructor(from: number) {
    this.#from = from;
    this.upTo = from;
  }

  get bytes(): Uint8Array {
    return concat([...this.#head, ...this.#tail]);
  }

  get gap(): Gap | undefined {
    if (this.#tailFrom === undefined) return undefined;
    return { atBytes: this.#headBytes, bytes: this.#tailFrom - this.#from - this.#headBytes };
  }

  /** Takes bytes that begin at `upTo` or behind it. */
  take(offset: number, bytes: Uint8Array): void {
    if (offset > this.upTo) {
      // After a gap the guest sends all that it keeps of the end, so what was the end before is no longer needed.
      this.#tail = [];
      this.#tailFrom = offset;
      this.upTo = offset;
    }
    if (this.#tailFrom === undefined) {
      this.#head.push(bytes);
      this.#headBytes += bytes.length;
    } else {
      this.#tail.push(bytes);
    }
    this.upTo += bytes.length;
  }

  /** Gives up the bytes from this offset on, which the guest sends again, or which its program has not written. */
  dropFrom(offset: number): void {
    if (offset >= this.upTo) return;
    this.upTo = Math.max(offset, this.#from);
    if (this.#tailFrom !== undefined && this.upTo >= this.#tailFrom) {
      this.#tail = [concat(this.#tail).subarray(0, this.upTo - this.#tailFrom)];
      return;
    }
    this.#tail = [];
    this.#tailFrom = undefined;
    this.#head = [concat(this.#head).subarray(0, this.upTo - this.#from)];
    this.#headBytes = this.#head[0]?.length ?? 0;
    if (this.#headBytes < this.upTo - this.#from) this.#tailFrom = this.upTo;
  }
}

function endOf(state: number, code: number): JobEnd | undefined {
  switch (state) {
    case JOB_STATE.exited:
      return { ended: 'exited', exitCode: code };
    case JOB_STATE.signalled:
      return { ended: 'signalled', signal: code };
    case JOB_STATE.timedOut:
      return { ended: 'timedOut' };
    default:
      return undefined;
  }
}
