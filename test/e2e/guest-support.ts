// SPDX-License-Identifier: MIT
/** What the end-to-end tests share that drive a machine themselves, without a scenario. */
import { join } from 'node:path';
import {
  Agent,
  bootStates,
  byteCache,
  DEFAULT_MACHINE,
  obtainMachineFiles,
  STANDARD_DISKS,
  type Booter,
  type MachineFiles,
  type MachineOptions,
  type Recorder,
  type ShareEntry,
} from '../../tools/library.js';
import { machineAt, type BootStates } from '../../emulator/cycle/boot.js';
import { sharedEngine } from '../../tools/run/engines.js';
import { withShare } from '../../tools/run/machine-files.js';
import { context, kernel } from './cycle-support.js';

/** A machine that can be booted as often as a test likes. */
export interface Bootable {
  readonly files: MachineFiles;
  readonly booter: Booter;
  readonly states: BootStates;
  /** A new machine whose agent is ready. The caller closes it. */
  ready(): Promise<Recorder>;
  /** Calls `work` with such a machine and an agent that is connected to it, and closes the machine. */
  inGuest<T>(work: (agent: Agent, recorder: Recorder) => Promise<T>): Promise<T>;
}

/** The standard machine, but for `options`, and with a share of these files if given. */
export async function bootable(
  options: Partial<MachineOptions> = {},
  share?: readonly ShareEntry[],
): Promise<Bootable> {
  const machine = { ...DEFAULT_MACHINE, ...(kernel !== undefined && { kernel }), ...options };
  const files = withShare(await obtainMachineFiles(machine, STANDARD_DISKS, context), share);
  const booter: Booter = {
    engine: sharedEngine(machine.engine),
    config: files.config,
    configKey: files.configKey,
    cache: byteCache(join(context.cacheDir, 'checkpoints')),
  };
  const states = bootStates();
  const ready = (): Promise<Recorder> => machineAt('agentReady', booter, states);
  return {
    files,
    booter,
    states,
    ready,
    inGuest: async (work) => {
      const recorder = await ready();
      try {
        const agent = new Agent(recorder.machine);
        await agent.connect();
        return await work(agent, recorder);
      } finally {
        await recorder.machine.close();
      }
    },
  };
}
