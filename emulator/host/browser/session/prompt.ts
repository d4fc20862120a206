// SPDX-License-Identifier: MIT
/** The machine where its shell has its prompt, and what was typed there once more. The page and Node do the same here. */
import type { BootState } from '../../../cycle/boot-state.js';
import type { Asked, Engine, Machine, RestoreConfig, RunReport, RunRequest } from '../../../machine/contract.js';
import { bytesOf, type Instant, type SessionFile } from '../../../scenario/session-file.js';
import { runToEnd } from './recall/same-end.js';

/** Guest time from the saved state to the prompt of its shell, with some to spare. */
export const PROMPT_MS = 100;

/** The machine at its prompt, and what has brought it there. */
export type AtPrompt = Pick<RunReport, 'console' | 'instructions' | 'virtualMs'> & { readonly machine: Machine };

/** Continues a machine from its saved state at the agent to its prompt. */
export async function machineAtPrompt(
  engine: Engine,
  config: RestoreConfig,
  { checkpoint }: Pick<BootState, 'checkpoint'>,
  request: Pick<RunRequest, 'onConsole' | 'signal'> = {},
): Promise<AtPrompt> {
  const machine = await engine.restore(config, checkpoint);
  return { machine, ...(await machine.run({ ...request, virtualMsMax: PROMPT_MS })) };
}

/** A run is of so much guest time at most, so that checkpoints can be left on the way. */
const RUN_MS_MAX = 500;

/**
 * Types what was typed in a session, each key where it was typed, and goes on to where the machine stood.
 * @param run asks something of the machine, which stands at `begin`.
 * @returns where the machine is instead of where it was, or undefined when it is at `until`.
 */
export async function typeAgain(
  run: (asked: Asked) => Promise<RunReport>,
  begin: Instant,
  { typed = [], until = begin }: Pick<SessionFile, 'typed' | 'until'>,
): Promise<Instant | undefined> {
  let at: Instant = begin;
  /** What the machine gets when it goes on. */
  let keys: readonly Uint8Array[] = [];
  for (const key of [...typed, { ...until, base64: '' }]) {
    while (at.virtualMs < key.virtualMs) {
      const leftMs = runToEnd(key.virtualMs - at.virtualMs);
      const send = keys.map((bytes) => ({ channel: 'console', bytes }) as const);
      keys = [];
      const { reason, instructions, virtualMs } = await run({ virtualMsMax: Math.min(RUN_MS_MAX, leftMs), send });
      at = { instructions, virtualMs };
      // A machine that has ended comes no farther.
      if (reason.why !== 'timeout') break;
    }
    if (!isSame(at, key)) return at;
    if (key.base64 !== '') keys = [...keys, bytesOf(key.base64)];
  }
  return undefined;
}

export const isSame = (one: Instant, other: Instant): boolean =>
  one.instructions === other.instructions && one.virtualMs === other.virtualMs;
