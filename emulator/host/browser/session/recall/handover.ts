// SPDX-License-Identifier: MIT
/** Runs a scenario up to where one of its machines was taken over, and hands that machine over. */
import { concat } from '../../../../machine/bytes.js';
import type { Engine, Machine, RestoreConfig } from '../../../../machine/contract.js';
import { RigError } from '../../../../machine/errors.js';
import type { Instant, Within } from '../../../../scenario/session-file.js';
import { isSame } from '../prompt.js';
import { runInStretches } from './stretches.js';
import type { Taken } from './visits.js';

export interface Handover {
  /** For the run, whose machines are made by it. The run rejects when a machine has been taken. */
  readonly engine: Engine;
  /** See `Remembering`. */
  readonly powersOn: (number: number) => void;
  /** Undefined when the run has not come there. */
  readonly taken: () => Taken | undefined;
}

const HANDED_OVER = new Error('the machine has been taken over');

/** Somebody has to follow the machines of the run by `onWritten`, as it does on the page. */
export function handover(engine: Engine, at: Within): Handover {
  let number = 0;
  let taken: Taken | undefined;
  const of = (machine: Machine, config: RestoreConfig): Machine => {
    const shown: Uint8Array[] = [];
    let isTaken = false;
    /** Rejects if that is where the machine stands. */
    const takeIfThere = ({ instructions, virtualMs }: Instant): Promise<void> => {
      if (!isSame({ instructions, virtualMs }, at)) return Promise.resolve();
      isTaken = true;
      taken = {
        machine,
        instructions,
        virtualMs,
        console: concat(shown),
        make: (checkpoint) => engine.restore(config, checkpoint),
      };
      return Promise.reject(HANDED_OVER);
    };
    return {
      ...machine,
      async run(request) {
        if (!request.onWritten || number !== at.machine || taken) return machine.run(request);
        const followed = {
          ...request,
          onConsole(bytes: Uint8Array) {
            shown.push(bytes);
            request.onConsole?.(bytes);
          },
        };
        const report = await runInStretches(machine, followed, {
          stopAtMs: at.virtualMs,
          between: takeIfThere,
          // All stretches are as long as they can be.
          now: () => 0,
        });
        // A machine that idles may come there only with the end of what it is asked.
        await takeIfThere(report);
        return report;
      },
      close: () => (isTaken ? Promise.resolve() : machine.close()),
    };
  };
  return {
    engine: {
      name: engine.name,
      traits: engine.traits,
      powerOn: async (config) => of(await engine.powerOn(config), config),
      restore: async (config, checkpoint) => of(await engine.restore(config, checkpoint), config),
    },
    powersOn(next) {
      number = next;
    },
    taken: () => taken,
  };
}

/**
 * The machine that was taken over there.
 * @param run the scenario, with that engine. It rejects when the machine has been taken.
 * @throws RigError when the run does not come there, and what `run` rejects with before.
 */
export async function takenFrom(
  engine: Engine,
  at: Within,
  run: (handover: Pick<Handover, 'engine' | 'powersOn'>) => Promise<unknown>,
): Promise<Taken> {
  const { taken, ...handing } = handover(engine, at);
  await run(handing).catch((error: unknown) => {
    if (!taken()) throw error;
  });
  const machine = taken();
  if (!machine)
    throw new RigError('the run of the scenario does not come to where its machine was taken over', {
      remedy: 'run the version of Snapback with which the session was made',
    });
  return machine;
}
