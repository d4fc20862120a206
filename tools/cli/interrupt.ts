// SPDX-License-Identifier: MIT
/** Ctrl-C: asks everything to end by a signal; asked twice, the process ends at once. */
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

/** Runs `work` with a signal that {@link ENDING_SIGNALS} abort. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new Interrupted());
  };
  for (const name of ENDING_SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of ENDING_SIGNALS) process.removeListener(name, stop);
  }
}
