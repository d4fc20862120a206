// SPDX-License-Identifier: MIT
/** What the programs beside `snapback` have in common: they can be interrupted, and say why they fail. */
import { describeFailure } from './failure.js';
import { interruptible } from './interrupt.js';
import { watchOutput } from './output-streams.js';

/** Runs `work`, and returns its exit status, or that of its failure, which is said on standard error. */
export function runTool(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  watchOutput();
  return interruptible(async (signal) => {
    try {
      return await work(signal);
    } catch (error) {
      const { message, exitCode } = describeFailure(signal.aborted ? signal.reason : error);
      console.error(message);
      return exitCode;
    }
  });
}
