// SPDX-License-Identifier: MIT
/** Programs that run in the guest for the host, and their results. */
import { GuestError, RigError } from '../machine/errors.js';
import { concat } from '../machine/bytes.js';
import type { Frame } from './frame.js';
import { ANSWER, JOB_STATE, PayloadReader } from './protocol.js';

export interface Output {
  /** All bytes received so far. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
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
  readonly #pieces: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly #received: [number, number] = [0, 0];
  #confirmedBytes = 0;
  #status: { readonly end: JobEnd; readonly bytes: readonly [number, number] } | undefined;

  constructor(id: number, argv: readonly string[], start: Uint8Array, stdin: Uint8Array | undefined) {
    this.id = id;
    this.argv = argv;
    this.start = start;
    this.stdin = stdin;
    this.stdinDone = stdin === undefined;
  }

  /** For messages. */
  get title(): string {
    return this.argv.join(' ');
  }

  /** Bytes received of stdout and stderr. */
  get offsets(): readonly [number, number] {
    return this.#received;
  }

  get output(): Output {
    return { stdout: concat(this.#pieces[0]), stderr: concat(this.#pieces[1]) };
  }

  /** The end of the program, defined once its status and all of its output have arrived. */
  get end(): JobEnd | undefined {
    const status = this.#status;
    if (status === undefined) return undefined;
    return status.bytes[0] === this.#received[0] && status.bytes[1] === this.#received[1] ? status.end : undefined;
  }

  /** Bytes received since the last confirmation to the guest. */
  get unconfirmedBytes(): number {
    return this.#received[0] + this.#received[1] - this.#confirmedBytes;
  }

  confirmed(): void {
    this.#confirmedBytes = this.#received[0] + this.#received[1];
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
    if (end !== undefined) this.#status = { end, bytes: [payload.word(), payload.word()] };
  }

  #takeOutput(stream: 0 | 1, offset: number, bytes: Uint8Array): void {
    const known = this.#received[stream] - offset;
    if (known < 0)
      throw new RigError(`output of '${this.title}' was lost on the agent channel at byte ${this.#received[stream]}`);
    // After a resume the guest may send output again that has already arrived.
    if (known >= bytes.length) return;
    this.#pieces[stream].push(bytes.subarray(known));
    this.#received[stream] += bytes.length - known;
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
