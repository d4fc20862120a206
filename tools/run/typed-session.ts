// SPDX-License-Identifier: MIT
/** Repeats in Node what was typed on the page: at its prompt, or to a machine of a run that was taken over. */
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { machineAtPrompt, typeAgain } from '../../emulator/host/browser/session/prompt.js';
import { handover, type Handover } from '../../emulator/host/browser/session/recall/handover.js';
import type { Engine, Machine, RestoreConfig } from '../../emulator/machine/contract.js';
import { RigError } from '../../emulator/machine/errors.js';
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
 * @param run the scenario, with that engine. It rejects when the machine has been taken.
 */
export async function repeatTaken(
  engine: Engine,
  run: (handover: Handover) => Promise<unknown>,
  session: Pick<SessionFile, 'typed' | 'until'> & Required<Pick<SessionFile, 'within'>>,
  options: Follow = {},
): Promise<Repeated> {
  const handed = handover(engine, session.within);
  await run(handed).catch((error: unknown) => {
    if (!handed.taken()) throw error;
  });
  const taken = handed.taken();
  if (!taken)
    throw new RigError('the run of the scenario does not come to where its machine was taken over', {
      remedy: 'run the version of Snapback with which the session was made',
    });
  return typeTo(taken, session, options);
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
