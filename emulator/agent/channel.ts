// SPDX-License-Identifier: MIT
/**
 * The agent's line of a machine: sends frames, and lets the machine run until frames come back.
 * The report of every run goes to the caller, so that no console byte, marker, write or capture is lost.
 */
import { concat } from '../machine/bytes.js';
import type { Machine, RunReport } from '../machine/contract.js';
import { GuestError, RigError } from '../machine/errors.js';
import { DELIMITER, encodeFrame, type Frame, FrameReader } from './frame.js';
import type { TriggerSet } from './triggers.js';

const CONSOLE_TAIL_LINES = 25;
const CONSOLE_TAIL_BYTES = 8192;

export interface ChannelOptions {
  /** Gets the report of every run, in order. */
  readonly onReport?: (report: RunReport) => void;
  /** Live console output, for people. */
  readonly onConsole?: (bytes: Uint8Array) => void;
  readonly onProgress?: (instructions: number) => void;
  readonly signal?: AbortSignal;
}

/** The reason why the machine stopped although no frame has arrived. */
export type Interruption =
  | { readonly why: 'halted' | 'powerCut' | 'reset' | 'timeout' }
  /** A trigger of the caller, with its index in the caller's list. */
  | { readonly why: 'trigger'; readonly index: number };

/** Virtual time that may still pass. Shared by the runs of one exchange. */
export interface Budget {
  leftMs: number;
}

export class AgentChannel {
  #machine: Machine;
  readonly #options: ChannelOptions;
  readonly #reader = new FrameReader();
  #frames: Frame[] = [];
  #outgoing: Uint8Array[] = [];
  #delivery: Uint8Array | undefined;
  #virtualMs: number | undefined;
  #console: Uint8Array = new Uint8Array(0);

  constructor(machine: Machine, options: ChannelOptions = {}) {
    this.#machine = machine;
    this.#options = options;
  }

  /** Continues with another machine that has the same agent. Data in transfer on the line is lost. */
  attach(machine: Machine): void {
    this.#machine = machine;
    this.#virtualMs = undefined;
    this.#outgoing = [];
    this.#delivery = undefined;
    this.#frames = [];
    this.#reader.reset();
  }

  /** How many times the usual bounds a wait may take in this machine. */
  get patience(): number {
    return this.#machine.patience ?? 1;
  }

  /** The last lines of the console, oldest first. */
  get consoleTail(): readonly string[] {
    const lines = new TextDecoder().decode(this.#console).split(/\r*\n/);
    return lines.filter((line) => line !== '').slice(-CONSOLE_TAIL_LINES);
  }

  /** Queues a frame, which is sent with the next run. */
  send(frame: Frame): void {
    this.#outgoing.push(encodeFrame(frame));
  }

  /** Makes these bytes available as a delivery, from the next run on. */
  deliver(bytes: Uint8Array): void {
    this.#delivery = bytes;
  }

  /** Ends an incomplete frame that the guest may have received. */
  sendDelimiter(): void {
    this.#outgoing.push(Uint8Array.of(DELIMITER));
  }

  /** The next frame from the guest, or the reason why there is none. */
  async next(budget: Budget, triggers: TriggerSet): Promise<Frame | Interruption> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (budget.leftMs <= 0) return { why: 'timeout' };
      const interruption = await this.#run(budget, triggers, true);
      // Other frames of the same run stay queued for `drain` or the next call.
      if (interruption !== undefined && (interruption.why !== 'timeout' || this.#frames.length === 0))
        return interruption;
    }
  }

  /** Received frames that nobody has taken yet. */
  drain(): Frame[] {
    return this.#frames.splice(0);
  }

  /** Lets the machine run and ignores frames of the agent. */
  async runOn(budget: Budget, triggers: TriggerSet): Promise<Interruption> {
    for (;;) {
      const interruption = await this.#run(budget, triggers, false);
      if (interruption !== undefined) return interruption;
    }
  }

  /** The error for a wait that reached its bound. */
  gaveUp(awaited: string, waitedMs: number): GuestError {
    return new GuestError(`the guest did not answer within ${waitedMs} ms of its time; awaited: ${awaited}`, {
      consoleTail: this.consoleTail,
      remedy: 'see the console below; allow more time if the guest is merely slow',
    });
  }

  async #run(budget: Budget, triggers: TriggerSet, untilFrame: boolean): Promise<Interruption | undefined> {
    const { onConsole, onProgress, signal } = this.#options;
    const send = this.#outgoing.length === 0 ? [] : [{ channel: 'agent' as const, bytes: concat(this.#outgoing) }];
    this.#outgoing = [];
    const delivery = this.#delivery;
    this.#delivery = undefined;
    const report = await this.#machine.run({
      triggers: triggers.armed(),
      send,
      ...(delivery ? { deliver: delivery } : {}),
      virtualMsMax: budget.leftMs,
      ...(untilFrame ? { untilByte: { channel: 'agent' as const, byte: DELIMITER } } : {}),
      ...(onConsole ? { onConsole } : {}),
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
    // Before the first run the machine's clock is unknown, so that run is not subtracted, unless it used up the budget.
    budget.leftMs -= this.#virtualMs === undefined ? 0 : report.virtualMs - this.#virtualMs;
    this.#virtualMs = report.virtualMs;
    this.#console = concat([this.#console, report.console]).slice(-CONSOLE_TAIL_BYTES);
    this.#frames.push(...this.#reader.take(report.agent));
    const stoppedBy = triggers.after(report);
    this.#options.onReport?.(report);
    const { reason } = report;
    switch (reason.why) {
      case 'byte':
        return undefined;
      case 'trigger':
        if (stoppedBy === undefined) throw new RigError('the machine stopped at a trigger that was not set');
        return { why: 'trigger', index: stoppedBy };
      case 'aborted':
        throw this.#options.signal?.reason ?? new RigError('the run was stopped');
      case 'misuse':
        throw new GuestError(`the guest misused a device, and the machine has ended: ${reason.what}`, {
          consoleTail: this.consoleTail,
          remedy: 'find the last action of the driver on the device: at a suspend, a resume or a reset',
        });
      case 'timeout':
        budget.leftMs = 0;
        return { why: 'timeout' };
      case 'halted':
      case 'powerCut':
      case 'reset':
        return { why: reason.why };
    }
  }
}
