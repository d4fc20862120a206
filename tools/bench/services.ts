// SPDX-License-Identifier: MIT
/** The services that run in child processes. Each answers the questions of the process that measures. */
import { obtainMachineFiles, type MachineFiles } from '../run/machine-files.js';
import { DEFAULT_MACHINE, type Plan, type SuspendMethod } from '../../emulator/cycle/plan.js';
import { InputError } from '../../emulator/machine/errors.js';
import { STANDARD_DISKS } from '../../emulator/scenario/schema.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { bootDeterministic, bootOrdinary, type BootSample } from './boot.js';
import { serveParent } from './child.js';
import { cycleRunner, type StartsAt } from './cycle.js';
import { obtainHold } from './snapshot/hold.js';
import {
  CAPACITY_CMDLINE,
  measureCapacity,
  measureFigures,
  measureCommit,
  measureRollback,
  type Capacity,
  type Figures,
  type Rig,
  type CommitFigures,
  type CommitStore,
  type RollbackFigures,
} from './snapshot/measure.js';
import { ENGINE_MACHINES, type EngineMachine } from './engines/result.js';
import { machineFor, planOf, type CycleSample } from './workload.js';
import { measureWalk, WALK_MACHINES, type WalkFigures, type WalkMachine } from './walk/measure.js';
import { inNode, type InChromium } from './page/in-node.js';
import { measureMemoryDiff, type MemoryDiffSamples } from './memory-diff.js';

export interface BootQuestion {
  readonly cacheDir: string;
  readonly mode: 'ordinary' | 'deterministic';
}

export interface CycleQuestion {
  readonly cacheDir: string;
  /** Begin without checkpoints, or with those in the cache folder. Asked again, both are in memory. */
  readonly from: 'powerOn' | 'checkpoints';
  readonly startsAt: StartsAt;
  /** The same for all questions to one process. */
  readonly method: SuspendMethod;
  /** Whether snapctl compresses the image; likewise the same for all. */
  readonly compress: boolean;
  /** The machine, if it is not the standard one; likewise the same for all. */
  readonly machine?: EngineMachine;
}

export interface SnapshotQuestion {
  readonly cacheDir: string;
  readonly method: SuspendMethod;
}

export interface CapacityQuestion extends SnapshotQuestion {
  /** RAM of the machine, in MiB. */
  readonly memoryMiB: number;
}

export interface WalkQuestion {
  readonly cacheDir: string;
  readonly machine: WalkMachine;
  /** What the program keeps. */
  readonly heldMiB: number;
}

export interface MemoryDiffQuestion {
  readonly cacheDir: string;
  readonly turns: number;
}

export interface PageQuestion {
  readonly cacheDir: string;
  readonly what: InChromium;
}

export type Answers = {
  boot: BootSample;
  cycle: CycleSample;
  memoryDiff: MemoryDiffSamples;
  figures: Figures;
  rollback: RollbackFigures;
  commit: Readonly<Record<CommitStore, CommitFigures>>;
  capacity: Capacity;
  walk: WalkFigures;
  /** In ms. */
  page: number;
};

/** Everything is already in the cache, because the process that measures has built it. */
export const machineFiles = (
  context: GivenContext,
  machine: Plan['machine'] = DEFAULT_MACHINE,
): Promise<MachineFiles> => obtainMachineFiles(machine, STANDARD_DISKS, whole(context));

type GivenContext = Pick<BuildContext, 'cacheDir'> & Partial<BuildContext>;
const whole = (context: GivenContext): BuildContext => ({
  progress: () => undefined,
  signal: new AbortController().signal,
  ...context,
});

async function rigFor({ cacheDir, method }: SnapshotQuestion, over: Partial<Plan['machine']> = {}): Promise<Rig> {
  const machine = machineFor(method, { ...DEFAULT_MACHINE, ...over });
  const [files, hold] = [await machineFiles({ cacheDir }, machine), await obtainHold(whole({ cacheDir }))];
  return { files, cacheDir, plan: (steps) => ({ name: 'benchmark', machine, files: [hold], steps, control: false }) };
}

/** The options of a machine, without what its program keeps. */
export function walkMachine(machine: WalkMachine): Partial<Plan['machine']> {
  const { engine, arch, processors, memoryMiB } = WALK_MACHINES[machine];
  return { engine, arch, processors, memoryMiB };
}

export function serve(name: string): void {
  switch (name) {
    case 'boot':
      return serveParent(async ({ cacheDir, mode }: BootQuestion): Promise<Answers['boot']> => {
        const { config } = await machineFiles({ cacheDir });
        return mode === 'ordinary' ? bootOrdinary(config) : bootDeterministic(config);
      });
    case 'cycle': {
      let cycle: ReturnType<typeof cycleRunner> | undefined;
      return serveParent(async (question: CycleQuestion): Promise<Answers['cycle']> => {
        const { cacheDir, from, startsAt, method, compress, machine = 'v86' } = question;
        const plan = planOf(method, { ...DEFAULT_MACHINE, ...ENGINE_MACHINES[machine] }, compress);
        cycle ??= cycleRunner(
          await machineFiles({ cacheDir }, plan.machine),
          plan,
          from === 'powerOn' ? 'memory' : { cacheDir },
        );
        return cycle(startsAt);
      });
    }
    case 'figures':
      return serveParent(async (question: SnapshotQuestion): Promise<Answers['figures']> =>
        measureFigures(question.method, await rigFor(question)),
      );
    case 'rollback':
      return serveParent(async (question: SnapshotQuestion): Promise<Answers['rollback']> =>
        measureRollback(await rigFor(question)),
      );
    case 'commit':
      return serveParent(async (question: SnapshotQuestion): Promise<Answers['commit']> => {
        const rig = await rigFor(question);
        return { device: await measureCommit('device', rig), memory: await measureCommit('memory', rig) };
      });
    case 'capacity':
      return serveParent(async (question: CapacityQuestion): Promise<Answers['capacity']> => {
        const { method, memoryMiB } = question;
        return measureCapacity(
          method,
          await rigFor(question, { memoryMiB, cmdline: [...DEFAULT_MACHINE.cmdline, CAPACITY_CMDLINE] }),
        );
      });
    case 'walk':
      return serveParent(async ({ cacheDir, machine, heldMiB }: WalkQuestion): Promise<Answers['walk']> => {
        const over = { ...walkMachine(machine), cmdline: [...DEFAULT_MACHINE.cmdline, CAPACITY_CMDLINE] };
        return measureWalk(machine, heldMiB, await rigFor({ cacheDir, method: 'sys_snapshot' }, over));
      });
    case 'page': {
      let contenders: ReturnType<typeof inNode> | undefined;
      return serveParent(async ({ cacheDir, what }: PageQuestion): Promise<Answers['page']> => {
        contenders ??= inNode(whole({ cacheDir }));
        return (await contenders)[what]();
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
    await machine.run({
      triggers: [{ when: { on: 'marker', kind: USER_MARKERS.agentReady }, then: { do: 'stop' } }],
      virtualMsMax: 60_000,
    });
    return await machine.captureMemory();
  } finally {
    await machine.close();
  }
}
