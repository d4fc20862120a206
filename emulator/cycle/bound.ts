// SPDX-License-Identifier: MIT
/** A bound in virtual time, times the engine's patience, over all the waits of a step. */
import { GuestError, PowerCut } from '../machine/errors.js';
import type { Recorder } from './recorder.js';
import { consoleTail } from './stop.js';

/**
 * Virtual time within which a step must end, unless the plan sets another. Commands of the live timeline have bounds of
 * their own.
 */
export const TIMEOUT_MS = { suspend: 300_000, resume: 120_000, shutdown: 60_000 } as const;

export class Bound {
  readonly #step: keyof typeof TIMEOUT_MS;
  readonly #timeoutMs: number;
  readonly #recorder: Recorder;
  #leftMs: number;

  /** `timeoutMs`: the value of the plan, if it sets one. */
  constructor(step: keyof typeof TIMEOUT_MS, recorder: Recorder, timeoutMs: number = TIMEOUT_MS[step]) {
    this.#step = step;
    this.#recorder = recorder;
    this.#timeoutMs = timeoutMs;
    this.#leftMs = timeoutMs;
  }

  /**
   * Calls `wait` with the virtual time that is left, without the engine's patience.
   * @throws GuestError that names the bound, when `wait` fails because no time is left. A power cut and other errors of
   *   `wait` pass through.
   */
  async during<T>(wait: (virtualMsMax: number) => Promise<T>): Promise<T> {
    if (this.#leftMs <= 0) throw this.#exceeded();
    const beginMs = this.#recorder.seen().virtualMs;
    const spend = (): void => {
      this.#leftMs -= (this.#recorder.seen().virtualMs - beginMs) / this.#patience;
    };
    try {
      const result = await wait(this.#leftMs);
      spend();
      return result;
    } catch (error) {
      spend();
      const isLate = error instanceof GuestError && !(error instanceof PowerCut) && this.#leftMs <= 0;
      throw isLate ? this.#exceeded() : error;
    }
  }

  get #patience(): number {
    return this.#recorder.machine.patience ?? 1;
  }

  #exceeded(): GuestError {
    return new GuestError(
      `the ${this.#step} did not end within ${(this.#timeoutMs * this.#patience) / 1000} s of the guest's time`,
      {
        consoleTail: consoleTail(this.#recorder.seen().console),
        remedy: `read the end of the console; if the guest is merely slow, allow more by \`${this.#step}: { timeout: ${moreThan(this.#timeoutMs)} }\``,
      },
    );
  }
}

/** Twice the time, as scenarios write it. */
const moreThan = (timeoutMs: number): string => `${Math.ceil((2 * timeoutMs) / 1000)} s`;
