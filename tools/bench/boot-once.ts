// SPDX-License-Identifier: MIT
/** Boots a machine to its shell once, on an engine of any host. */
import type { Engine, MachineConfig } from '../../emulator/machine/contract.js';
import { RigError } from '../../emulator/machine/errors.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';

/** Bound of a boot, in virtual time. */
const VIRTUAL_MS_MAX = 60_000;

/**
 * Answers the time in ms of the host from before the machine's worker is started to the port write by which the guest's agent reports
 * that it is ready.
 * @throws RigError when the guest does not come there.
 */
export async function bootOnce(engine: Engine, config: MachineConfig): Promise<number> {
  const startMs = performance.now();
  const machine = await engine.powerOn(config);
  try {
    const { reason } = await machine.run({
      triggers: [{ when: { on: 'marker', kind: USER_MARKERS.agentReady }, then: { do: 'stop' } }],
      virtualMsMax: VIRTUAL_MS_MAX,
    });
    if (reason.why !== 'trigger') throw new RigError(`the guest did not come to its shell: ${reason.why}`);
    return performance.now() - startMs;
  } finally {
    await machine.close();
  }
}
