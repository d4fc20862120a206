// SPDX-License-Identifier: MIT
/** What runs in processes of its own: each service answers the questions of the process that measures. */
import { obtainMachineFiles, type MachineFiles } from '../../emulator/host/node/machine-files.js';
import { DEFAULT_MACHINE } from '../../emulator/cycle/plan.js';
import { InputError } from '../../emulator/machine/errors.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { BuildContext } from '../artifacts/context.js';
import { bootDeterministic, bootOrdinary, type BootSample } from './boot.js';
import { serveParent } from './child.js';
import { cycleRunner } from './cycle.js';
import type { CycleSample } from './workload.js';
import { measureMemoryDiff, type MemoryDiffSamples } from './memory-diff.js';

export interface BootQuestion {
  readonly cacheDir: string;
  readonly mode: 'ordinary' | 'deterministic';
}

export interface CycleQuestion {
  readonly cacheDir: string;
  /** Begin without checkpoints, or with those in the cache folder. Asked again, both are in memory. */
  readonly from: 'powerOn' | 'checkpoints';
}

export interface MemoryDiffQuestion {
  readonly cacheDir: string;
  readonly turns: number;
}

export type Answers = { boot: BootSample; cycle: CycleSample; memoryDiff: MemoryDiffSamples };

/** Everything is in the cache by now: the process that measures has seen to that. */
export const machineFiles = (context: Pick<BuildContext, 'cacheDir'> & Partial<BuildContext>): Promise<MachineFiles> =>
  obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, { progress: () => undefined, signal: new AbortController().signal, ...context });

export function serve(name: string): void {
  switch (name) {
    case 'boot':
      return serveParent(async ({ cacheDir, mode }: BootQuestion): Promise<Answers['boot']> => {
        const { config } = await machineFiles({ cacheDir });
        return mode === 'ordinary' ? bootOrdinary(config) : bootDeterministic(config);
      });
    case 'cycle': {
      let cycle: (() => Promise<CycleSample>) | undefined;
      return serveParent(async ({ cacheDir, from }: CycleQuestion): Promise<Answers['cycle']> => {
        cycle ??= cycleRunner(await machineFiles({ cacheDir }), DEFAULT_MACHINE, from === 'powerOn' ? 'memory' : { cacheDir });
        return cycle();
      });
    }
    case 'memoryDiff':
      return serveParent(async ({ cacheDir, turns }: MemoryDiffQuestion): Promise<Answers['memoryDiff']> => {
        const { config } = await machineFiles({ cacheDir });
        return measureMemoryDiff(await captureBooted(config), turns);
      });
    default:
      throw new InputError(`there is no service '${name}' to measure`);
  }
}

async function captureBooted(config: MachineFiles['config']): Promise<Uint8Array> {
  const machine = await createV86Engine().powerOn(config);
  try {
    await machine.run({ triggers: [{ when: { on: 'marker', kind: USER_MARKERS.agentReady }, then: { do: 'stop' } }], virtualMsMax: 60_000 });
    return await machine.captureMemory();
  } finally {
    await machine.close();
  }
}
