// SPDX-License-Identifier: MIT
/** What the driver asks of a running guest, over its agent. All waiting is in virtual time. */
import type { Machine } from '../machine/contract.js';

export interface CommandResult {
  /** 128 + signal when a signal ended it, as shells have it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs in the guest in the background; survives suspend and resume. */
export type JobId = number;

export interface Guest {
  /** Runs a command by the shell and waits for its end. */
  run(command: string, timeoutMs: number): Promise<CommandResult>;
  start(command: string): Promise<JobId>;
  /** What a background program has printed, and its exit code when it has ended. */
  collect(job: JobId): Promise<Omit<CommandResult, 'exitCode'> & { readonly exitCode: number | undefined }>;
  put(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** Asks for an orderly power-off; the machine halts some time afterwards. */
  shutDown(): Promise<void>;
}

/** Speaks to the agent of a machine that holds at agentReady, or that has just been resumed. */
export type ConnectGuest = (machine: Machine) => Promise<Guest>;
