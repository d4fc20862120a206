// SPDX-License-Identifier: MIT
/** `npm run bench`: measures in child processes, in turns, and reports the results. */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { buildContext } from '../cli/build-context.js';
import { ensurePrerequisites, FOR_PATCHES } from '../cli/doctor.js';
import { runTool } from '../cli/tool.js';
import { DEFAULT_MACHINE, type SuspendMethod } from '../../emulator/cycle/plan.js';
import type { MachineFiles } from '../run/machine-files.js';
import { packageVersions } from '../../emulator/host/node/versions.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { askOnce, CHILD, startChild } from './child.js';
import {
  ENGINE_MACHINES,
  enginesResult,
  type EngineContender,
  type EngineMachine,
  type EnginesResult,
} from './engines/result.js';
import { HELP, readOptions, type Options } from './options.js';
import { benchPage } from './page/visit.js';
import { createQemuBench, type QemuSample } from './qemu/cycle.js';
import { ensureQemu } from './qemu/install.js';
import {
  bootResult,
  cycleResult,
  memoryResult,
  renderResult,
  type BenchResult,
  type BootResult,
  type Contender,
  type CycleResult,
  type MemoryResult,
} from './result.js';
import { obtainHold } from './snapshot/hold.js';
import {
  CAPACITY_MIB,
  snapshotResult,
  type CapacityAt,
  type PerMethod,
  type SnapshotResult,
} from './snapshot/result.js';
import {
  machineFiles,
  serve,
  walkMachine,
  type Answers,
  type BootQuestion,
  type CapacityQuestion,
  type CycleQuestion,
  type MemoryDiffQuestion,
  type SnapshotQuestion,
  type WalkQuestion,
} from './services.js';
import { runCellsBothWays, validateNewPatch, type PoolSample, type ValidateSample } from './validate/measure.js';
import { validateResult, type ValidateResult } from './validate/result.js';
import { WALK_MACHINES, type WalkFigures, type WalkMachine } from './walk/measure.js';
import { machineWalks, type WalkResult } from './walk/result.js';
import { inTurns } from './turns.js';
import type { StartsAt } from './cycle.js';
import type { CycleSample } from './workload.js';

/** Comparisons are short, so more samples are taken of them than of boots. */
const COMPARISONS_PER_TURN = 4;

/** What each part is given. */
interface Bench {
  readonly turns: number;
  readonly context: BuildContext;
  readonly files: MachineFiles;
}

/**
 * Runs the benchmark and returns the exit status. Missed aims do not change it: they depend on the load of the host.
 */
export async function main(args: readonly string[]): Promise<number> {
  if (args[0] === CHILD) {
    serve(args[1] ?? '');
    return EXIT.pass;
  }
  return runTool(async (signal) => {
    const options = readOptions(args);
    if (options.help) console.log(HELP);
    else await bench(options, signal);
    return EXIT.pass;
  });
}

async function bench({ json, parts, turns }: Options, signal: AbortSignal): Promise<void> {
  // Checked now, so that it does not fail after minutes of work.
  if (json !== undefined) await save(json, '', 'a');
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context);
  const files = await machineFiles(context);
  const given: Bench = { turns, context, files };
  const has = (part: Options['parts'][number]): boolean => parts.includes(part);
  const qemuVersion =
    has('cycle') || has('snapshot') || has('walk-qemu') || has('engines') ? await ensureQemu(context) : undefined;
  const startedAt = new Date().toISOString();
  const loadBefore = loadavg()[0] ?? 0;
  if (has('engines'))
    // Built before anything is measured.
    for (const machine of Object.values(ENGINE_MACHINES))
      await machineFiles(context, { ...DEFAULT_MACHINE, ...machine });
  const memory = has('memory') ? await benchMemory(given) : undefined;
  const boot = has('boot') ? await benchBoot(given) : undefined;
  const cycle = has('cycle') ? await benchCycle(given) : undefined;
  const snapshot = has('snapshot') ? await benchSnapshot(given) : undefined;
  const walk = {
    ...(has('walk') && (await benchWalk('v86', given))),
    ...(has('walk-qemu') && (await benchWalk('qemu', given))),
  };
  const engines = has('engines') ? await benchEngines(given) : undefined;
  const page = has('page') ? await benchPage(turns, context) : undefined;
  const validate = has('validate') ? await benchValidate(given) : undefined;
  progress.clear();
  const result: BenchResult = {
    format: 1,
    startedAt,
    turns,
    host: {
      processor: cpus()[0]?.model ?? 'unknown',
      processors: cpus().length,
      memoryBytes: totalmem(),
      loadBefore,
      loadAfter: loadavg()[0] ?? 0,
    },
    versions: {
      ...packageVersions(),
      kernel: files.kernel.version,
      ...(qemuVersion !== undefined && { qemu: qemuVersion }),
    },
    artifacts: files.hashes,
    machine: { memoryMiB: files.config.memoryMiB, cmdline: files.config.cmdline },
    ...(boot && { boot }),
    ...(cycle && { cycle }),
    ...(snapshot && { snapshot }),
    ...((has('walk') || has('walk-qemu')) && { walk }),
    ...(engines && { engines }),
    ...(memory && { memory }),
    ...(page && { page }),
    ...(validate && { validate }),
  };
  console.log(renderResult(result));
  if (json !== undefined) await save(json, `${JSON.stringify(result, null, 2)}\n`);
}

async function save(file: string, text: string, flag: 'w' | 'a' = 'w'): Promise<void> {
  await writeFile(file, text, { flag }).catch((cause: unknown) => {
    throw new InputError(`cannot write ${file}`, { cause, remedy: 'give --json a file in a folder that is there' });
  });
}

async function benchMemory({ turns, context, files }: Bench): Promise<MemoryResult> {
  context.progress('memory: comparing captures');
  const question: MemoryDiffQuestion = { cacheDir: context.cacheDir, turns: turns * COMPARISONS_PER_TURN };
  const { answer } = await askOnce<MemoryDiffQuestion, Answers['memoryDiff']>('memoryDiff', question, context.signal);
  return memoryResult(files.config.memoryMiB * 2 ** 20, answer);
}

async function benchBoot({ turns, context }: Bench): Promise<BootResult> {
  const boot = (mode: BootQuestion['mode']) => async (): Promise<Answers['boot']> => {
    const { answer } = await askOnce<BootQuestion, Answers['boot']>(
      'boot',
      { cacheDir: context.cacheDir, mode },
      context.signal,
    );
    return answer;
  };
  const { ordinary, deterministic } = await inTurns(
    { ordinary: boot('ordinary'), deterministic: boot('deterministic') },
    turns,
    (name, turn, { ms }) => context.progress(`boot: ${name} ${turn + 1} of ${turns}: ${(ms / 1000).toFixed(2)} s`),
  );
  return bootResult(ordinary, deterministic);
}

async function benchCycle({ turns, context, files }: Bench): Promise<CycleResult> {
  const { cacheDir, signal, progress } = context;
  progress('cycle: preparing QEMU');
  const qemu = await createQemuBench(files, signal);
  const hot = startChild<CycleQuestion, Answers['cycle']>('cycle', signal);
  const stock = { cacheDir, method: 'swsusp', compress: true } as const;
  try {
    progress('cycle: warming up');
    const once = (from: CycleQuestion['from']) => async (): Promise<number> =>
      (await askOnce<CycleQuestion, Answers['cycle']>('cycle', { ...stock, from, startsAt: 'boot' }, signal)).processMs;
    const ask = (startsAt: StartsAt): Promise<CycleSample> => hot.ask({ ...stock, from: 'powerOn', startsAt });
    // These make the checkpoints in files and in memory, and fill the host's page cache.
    await once('checkpoints')();
    await ask('boot');
    await ask('suspend');
    const samples: QemuSample[] = [];
    const hotSamples: CycleSample[] = [];
    const atSuspendSamples: CycleSample[] = [];
    const contenders: Readonly<Record<Contender, () => Promise<number>>> = {
      cold: once('powerOn'),
      fromCheckpoints: once('checkpoints'),
      hot: async () => {
        const sample = await ask('boot');
        hotSamples.push(sample);
        return sample.times.ms;
      },
      hotAtSuspend: async () => {
        const sample = await ask('suspend');
        atSuspendSamples.push(sample);
        return sample.times.ms;
      },
      qemu: async () => {
        const sample = await qemu.cycle('powerOn');
        samples.push(sample);
        return sample.times.ms;
      },
      qemuFromSavedStates: async () => (await qemu.cycle('savedStates')).times.ms,
    };
    const wholeMs = await inTurns(contenders, turns, (name, turn, ms) =>
      progress(`cycle: ${name} ${turn + 1} of ${turns}: ${(ms / 1000).toFixed(2)} s`),
    );
    return cycleResult({
      wholeMs,
      hot: hotSamples,
      hotAtSuspend: atSuspendSamples,
      qemu: samples,
      qemuWithoutBootsMs: samples.flatMap(({ withoutBootsMs }) => withoutBootsMs ?? []),
    });
  } finally {
    await Promise.allSettled([hot.end(), qemu.close()]);
  }
}

async function benchSnapshot({ turns, context, files }: Bench): Promise<SnapshotResult> {
  const { cacheDir, signal, progress } = context;
  await obtainHold(context);
  // One process per method. Nothing here is timed, and these processes do not disturb timed ones.
  const both = async <T>(measure: (method: SuspendMethod) => Promise<T>): Promise<PerMethod<T>> => {
    const [swsusp, snapshot] = await Promise.all([measure('swsusp'), measure('sys_snapshot')]);
    return { swsusp, sys_snapshot: snapshot };
  };
  progress('snapshot: half of RAM, by both methods');
  const figures = await both(
    async (method) =>
      (await askOnce<SnapshotQuestion, Answers['figures']>('figures', { cacheDir, method }, signal)).answer,
  );
  progress('snapshot: a rollback, and a resume');
  const { answer: rollback } = await askOnce<SnapshotQuestion, Answers['rollback']>(
    'rollback',
    { cacheDir, method: 'sys_snapshot' },
    signal,
  );
  progress('snapshot: commits, and a plain copy');
  const { answer: commit } = await askOnce<SnapshotQuestion, Answers['commit']>(
    'commit',
    { cacheDir, method: 'sys_snapshot' },
    signal,
  );
  const capacity: CapacityAt[] = [];
  for (const memoryMiB of CAPACITY_MIB) {
    progress(`snapshot: looking for the largest program that can be saved in ${memoryMiB} MiB`);
    const of = await both(
      async (method) =>
        (await askOnce<CapacityQuestion, Answers['capacity']>('capacity', { cacheDir, method, memoryMiB }, signal))
          .answer,
    );
    capacity.push({ memoryMiB, of });
  }

  progress('snapshot: preparing QEMU');
  const qemu = await createQemuBench(files, signal);
  const children = {
    plain: startChild<CycleQuestion, Answers['cycle']>('cycle', signal),
    packed: startChild<CycleQuestion, Answers['cycle']>('cycle', signal),
  };
  try {
    const ask = (image: keyof typeof children) => (): Promise<CycleSample> =>
      children[image].ask({
        cacheDir,
        from: 'powerOn',
        startsAt: 'suspend',
        method: 'sys_snapshot',
        compress: image === 'packed',
      });
    const hot = { hot: ask('plain'), hotCompressed: ask('packed') };
    for (const warmUp of [hot.hot, hot.hot, hot.hotCompressed, hot.hotCompressed]) await warmUp();
    const samples = await inTurns(
      { ...hot, qemu: () => qemu.cycle('powerOn') as Promise<CycleSample> },
      turns,
      (name, turn, { times }) =>
        progress(`snapshot: ${name} ${turn + 1} of ${turns}: ${(times.ms / 1000).toFixed(2)} s`),
    );
    return snapshotResult({ figures, capacity, rollback, commit, ...samples });
  } finally {
    await Promise.allSettled([children.plain.end(), children.packed.end(), qemu.close()]);
  }
}

async function benchWalk(machine: WalkMachine, { context }: Bench): Promise<WalkResult> {
  const { cacheDir, signal, progress } = context;
  await obtainHold(context);
  // Built before anything is measured.
  await machineFiles(context, { ...DEFAULT_MACHINE, ...walkMachine(machine) });
  const figures: WalkFigures[] = [];
  for (const heldMiB of WALK_MACHINES[machine].heldMiB) {
    progress(`walk: a program of ${heldMiB} MiB in ${machine}`);
    const question = { cacheDir, machine, heldMiB };
    figures.push((await askOnce<WalkQuestion, Answers['walk']>('walk', question, signal)).answer);
  }
  return { [machine]: machineWalks(machine, figures) };
}

async function benchEngines({ turns, context }: Bench): Promise<EnginesResult> {
  const { cacheDir, signal, progress } = context;
  const start = () => startChild<CycleQuestion, Answers['cycle']>('cycle', signal);
  const children = { v86: start(), qemu: start(), qemuOnTwo: start() };
  const ask = (machine: EngineMachine, startsAt: StartsAt) => (): Promise<CycleSample> =>
    children[machine].ask({ cacheDir, from: 'powerOn', startsAt, method: 'sys_snapshot', compress: false, machine });
  const contenders: Readonly<Record<EngineContender, () => Promise<CycleSample>>> = {
    hotAtSuspend: ask('v86', 'suspend'),
    hot: ask('v86', 'boot'),
    qemu: ask('qemu', 'boot'),
    qemuOnTwo: ask('qemuOnTwo', 'boot'),
  };
  try {
    progress('engines: warming up');
    for (const warmUp of [contenders.hotAtSuspend, contenders.hot]) for (let n = 0; n < 2; n++) await warmUp();
    return enginesResult(
      await inTurns(contenders, turns, (name, turn, { times }) =>
        progress(`engines: ${name} ${turn + 1} of ${turns}: ${(times.ms / 1000).toFixed(2)} s`),
      ),
    );
  } finally {
    await Promise.allSettled(Object.values(children).map((child) => child.end()));
  }
}

process.exitCode = await main(process.argv.slice(2));

async function benchValidate({ turns, context }: Bench): Promise<ValidateResult> {
  await ensurePrerequisites(context, FOR_PATCHES);
  context.progress('validate: warming up');
  await validateNewPatch(context);
  await runCellsBothWays(context);
  const quick: ValidateSample[] = [];
  const pool: PoolSample[] = [];
  for (let turn = 0; turn < turns; turn++) {
    context.progress(`validate: ${turn + 1} of ${turns}`);
    quick.push(await validateNewPatch(context));
    pool.push(await runCellsBothWays(context));
  }
  return validateResult(quick, pool);
}
