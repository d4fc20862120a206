// SPDX-License-Identifier: MIT
/** The machine of a scenario when its agent is ready: where the page begins, and a session of the prompt that is repeated. */
import { join } from 'node:path';
import type { BootState } from '../../emulator/cycle/boot-state.js';
import { bootStates, type Booter } from '../../emulator/cycle/boot.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { sharedEngine } from './engines.js';
import { obtainMachineFiles, type MachineFiles } from './machine-files.js';
import type { LoadedScenario } from './scenario-file.js';

export interface AtAgent {
  readonly files: MachineFiles;
  readonly agentReady: BootState;
  /** The machine when its kernel has started init, before it has read a disk. */
  readonly beforeDisk: BootState;
}

/** Builds what is missing, and boots the machine. @throws RigError, BootFailed. */
export async function machineAtAgent(
  { plan: { machine }, scenario }: Pick<LoadedScenario, 'plan' | 'scenario'>,
  context: BuildContext,
): Promise<AtAgent> {
  const files = await obtainMachineFiles(machine, scenario.disks, context);
  const states = bootStates();
  const booter: Booter = {
    engine: sharedEngine(machine.engine),
    config: files.config,
    configKey: files.configKey,
    cache: byteCache(join(context.cacheDir, 'checkpoints')),
    signal: context.signal,
    onProgress: (what) => {
      if (what !== '') context.progress(what);
    },
  };
  const agentReady = await states.at('agentReady', booter);
  return { files, agentReady, beforeDisk: await states.at('beforeDisk', booter) };
}
