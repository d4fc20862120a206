// SPDX-License-Identifier: MIT
/** Ctrl-C: asks everything to end by a signal. Asked twice, or when that takes too long, the process ends at once. */
import { EXIT } from '../../emulator/machine/errors.js';

/** What the signal is aborted with. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** Ctrl-C, a request to end, and a terminal that was closed. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long what is under way may take to end. */
const END_MS_MAX = 10_000;

/** Runs `work` with a signal that {@link ENDING_SIGNALS} abort; work that does not end then ends with the process. */
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
