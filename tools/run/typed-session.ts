// SPDX-License-Identifier: MIT
/** Repeats in Node what was typed on the page: at its prompt, or to a machine of a run that was taken over. */
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { machineAtPrompt, typeAgain } from '../../emulator/host/browser/session/prompt.js';
import { takenFrom } from '../../emulator/host/browser/session/recall/handover.js';
import type { Engine, Machine, RestoreConfig } from '../../emulator/machine/contract.js';
import type { Instant, SessionFile } from '../../emulator/scenario/session-file.js';

export interface Repeated {
  /** Where the machine is instead of where it stood on the page; undefined when it is there. */
  readonly elsewhere: Instant | undefined;
  /** As `Machine.stateHash`. */
  readonly stateHash: string;
}

/** `signal` interrupts it, with its reason. */
export interface Follow {
  readonly signal?: AbortSignal | undefined;
  readonly onConsole?: ((bytes: Uint8Array) => void) | undefined;
}

/** Does what the page does with the session: from the machine at its agent to the prompt, with the keys, to where it stood. */
export async function repeatAtPrompt(
  engine: Engine,
  config: RestoreConfig,
  agentReady: Pick<BootState, 'checkpoint'>,
  session: Pick<SessionFile, 'typed' | 'until'>,
  { signal, onConsole }: Follow = {},
): Promise<Repeated> {
  const request = { ...(signal && { signal }), ...(onConsole && { onConsole }) };
  return typeTo(await machineAtPrompt(engine, config, agentReady, request), session, { signal, onConsole });
}

/**
 * Likewise, from where a machine was taken over from a run of the scenario.
 * @param run as that of {@link takenFrom}.
 */
export async function repeatTaken(
  engine: Engine,
  run: Parameters<typeof takenFrom>[2],
  session: Pick<SessionFile, 'typed' | 'until'> & Required<Pick<SessionFile, 'within'>>,
  options: Follow = {},
): Promise<Repeated> {
  return typeTo(await takenFrom(engine, session.within, run), session, options);
}

/** Ends the machine. */
async function typeTo(
  { machine, instructions, virtualMs }: Instant & { readonly machine: Machine },
  session: Pick<SessionFile, 'typed' | 'until'>,
  { signal, onConsole }: Follow,
): Promise<Repeated> {
  try {
    const elsewhere = await typeAgain(
      (asked) => {
        signal?.throwIfAborted();
        return machine.run({ ...asked, ...(signal && { signal }), ...(onConsole && { onConsole }) });
      },
      { instructions, virtualMs },
      session,
    );
    signal?.throwIfAborted();
    return { elsewhere, stateHash: await machine.stateHash() };
  } finally {
    await machine.close();
  }
}
