// SPDX-License-Identifier: MIT
/** Repeats in Node what was typed at the prompt of the page. */
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { machineAtPrompt, typeAgain } from '../../emulator/host/browser/session/prompt.js';
import type { Engine, RestoreConfig } from '../../emulator/machine/contract.js';
import type { Instant, SessionFile } from '../../emulator/scenario/session-file.js';

export interface Repeated {
  /** Where the machine is instead of where it stood on the page; undefined when it is there. */
  readonly elsewhere: Instant | undefined;
  /** As `Machine.stateHash`. */
  readonly stateHash: string;
}

/**
 * Does what the page does with the session: from the machine at its agent to the prompt, with the keys, to where it stood.
 * @param signal interrupts it, with its reason.
 */
export async function repeatAtPrompt(
  engine: Engine,
  config: RestoreConfig,
  agentReady: Pick<BootState, 'checkpoint'>,
  session: Pick<SessionFile, 'typed' | 'until'>,
  { signal, onConsole }: { readonly signal?: AbortSignal; readonly onConsole?: (bytes: Uint8Array) => void } = {},
): Promise<Repeated> {
  const request = { ...(signal && { signal }), ...(onConsole && { onConsole }) };
  const { machine, instructions, virtualMs } = await machineAtPrompt(engine, config, agentReady, request);
  try {
    const elsewhere = await typeAgain(
      (asked) => {
        signal?.throwIfAborted();
        return machine.run({ ...asked, ...request });
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
