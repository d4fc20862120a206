// SPDX-License-Identifier: MIT
/**
 * Ctrl-C asks all work to end, by an abort signal. After a second Ctrl-C, or when this takes too long, the process ends
 * at once.
 */
import { EXIT } from '../../emulator/machine/errors.js';

/** The reason with which the signal is aborted. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** Ctrl-C, a request to end, and a closed terminal. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Time that running work has to end. */
const END_MS_MAX = 10_000;

/**
 * Runs `work` with an abort signal that {@link ENDING_SIGNALS} abort. If the work does not end then, the process ends
 * anyway.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const leave = (): void => process.exit(EXIT.interrupted);
  const stop = (): void => {
    if (controller.signal.aborted) leave();
    controller.abort(new Interrupted());
    setTimeout(leave, END_MS_MAX).unref();
  };
  for (const name of ENDING_SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of ENDING_SIGNALS) process.removeListener(name, stop);
  }
}
