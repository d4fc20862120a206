// SPDX-License-Identifier: MIT
/** The context that the command line gives to each command. */
export interface CommandContext {
  readonly signal: AbortSignal;
  /** Sets the exit status. */
  readonly done: (exitCode: number) => void;
}
