// SPDX-License-Identifier: MIT
/** What the command line gives to each command. */
export interface CommandContext {
  readonly signal: AbortSignal;
  /** Sets the exit status. */
  readonly done: (exitCode: number) => void;
}
