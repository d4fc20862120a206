// SPDX-License-Identifier: MIT
/** Carries out a validation: builds the kernels, gets ready the cells, and runs those of a shard, or all. */
import { PatchesDoNotBuild } from '../../guest-kernel/kept-build.js';
import { obtainPatchedKernel } from '../../guest-kernel/patched.js';
import { newComplaints } from '../../guest-kernel/each-text.js';
import { obtainComplaints } from '../../guest-kernel/patched-checks.js';
import type { Change } from '../../guest-kernel/patch-mail.js';
import { findSource, kernelVersion } from '../../guest-kernel/source.js';
import type { KernelFlavour, KernelKind } from '../../guest-kernel/build.js';
import { obtainKernel } from '../../guest-kernel/obtain.js';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { folderOf, recipeKey } from '../../emulator/host/node/artifacts/store.js';
import type { Cell, CellResult } from '../../emulator/validate/cell.js';
import { bisect } from '../../emulator/validate/bisect.js';
import { compareCell, type CellComparison } from '../../emulator/validate/compare.js';
import {
  settledCell,
  validationOf,
  type PlannedCell,
  type PlannedKernels,
  type ReplayOf,
  type ShardState,
  type ValidationPlan,
} from '../../emulator/validate/plan.js';
import { soonestFirst } from '../../emulator/validate/cost.js';
import { inPool } from '../../emulator/validate/pool.js';
import { partsOf, type Shard } from '../../emulator/validate/shards.js';
import type { BisectedCell, ValidatedPatch, Validation } from '../../emulator/validate/validation.js';
import { cellFile, loadCell, readyCell, type ReadyCell } from './cell.js';
import type { ResultsFolder } from './results-folder.js';
import { replayCommandLine, type RunHooks } from './run-scenario.js';

type Caches = Parameters<typeof folderOf>[1];

/** A validation under way. */
export interface Run {
  readonly arch: KernelKind['arch'];
  readonly changes: readonly Change[];
  /** By key. */
  readonly results: Map<string, CellResult>;
  plan: ValidationPlan;
}

/** How it is carried out. */
export interface ValidationHooks {
  /** Undefined: all cells. */
  readonly shard: Shard | undefined;
  /** Results of an earlier try, and those of this one; undefined: only the cache has them. */
  readonly folder: ResultsFolder | undefined;
  /** Cells that are run side by side. */
  readonly jobs: number;
  readonly context: BuildContext;
  /** What a report says of an error. */
  readonly reasonOf: (error: unknown) => NonNullable<Validation['ended']>;
  /** Called when something has changed about the cells that run or wait. */
  readonly onState: (state: PoolState) => void;
  /** Called when a cell has been run on both kernels. */
  readonly onCell: (compared: CellComparison) => void;
}

/** `kind`: that of cells which name no flavour. Nothing is built or run. @throws InputError when a scenario cannot be read; RigError. */
export async function newRun(
  kind: KernelKind,
  changes: readonly Change[],
  cells: readonly Cell[],
  matrix: string,
  context: BuildContext,
): Promise<Run> {
  const planned = await Promise.all(cells.map((cell) => plannedCell(cell, cell.flavour ?? kind.flavour)));
  return {
    arch: kind.arch,
    changes,
    results: new Map(),
    plan: {
      formatVersion: 2,
      kernelVersion: changes[0]?.tree?.version ?? kernelVersion((await findSource(context)).version),
      flavours: [...new Set(planned.map(({ flavour }) => flavour))],
      matrix,
      patches: changes.map(({ name, subject }) => ({ name, subject })),
      warnings: [],
      complaints: [],
      changes: recipeKey({
        name: 'changes',
        inputs: Object.fromEntries(changes.map(({ diff }, index) => [String(index), Buffer.from(diff, 'latin1')])),
      }),
      cells: planned,
    },
  };
}

/** The commands that repeat the runs of cells on this host. */
export const replayIn =
  (context: Caches, { kernels }: Pick<ValidationPlan, 'kernels'>): ReplayOf =>
  ({ cell, flavour, seed, machineWords }, which) => {
    // Named, because the scenario may have another one.
    const kernel = which === 'base' ? flavour : patchedKernel(context, kernels, flavour);
    return replayCommandLine(
      cellFile(cell),
      { seed, kernel },
      `${which === 'base' ? ` --kernel ${flavour}` : ''}${machineWords}`,
    );
  };

/** The folder of the kernel with the patches. */
const patchedKernel = (context: Caches, kernels: ValidationPlan['kernels'], flavour: KernelFlavour): string =>
  folderOf(kernels?.find((one) => one.flavour === flavour)?.artifact ?? '', context);

async function plannedCell(cell: Cell, flavour: KernelFlavour): Promise<PlannedCell> {
  const { plan, machineWords } = await loadCell(cell, flavour);
  return { cell, flavour, seed: plan.machine.seed, machineWords };
}

/**
 * Builds, and runs the cells on both kernels, in the order in which a mistake is found soonest. What is known is in `run`, also when this fails.
 * @throws InputError when a patch does not apply; RigError.
 */
export async function validate(run: Run, hooks: ValidationHooks): Promise<void> {
  const { folder, shard, context } = hooks;
  try {
    run.plan = { ...run.plan, ...(await builtKernels(run.arch, run.plan.flavours, run.changes, context)) };
  } catch (error) {
    if (!(error instanceof PatchesDoNotBuild)) throw error;
    run.plan = { ...run.plan, buildFailure: { where: error.where, details: error.details } };
    return folder?.putPlan(run.plan);
  }
  const ready: { readonly planned: PlannedCell; readonly base: ReadyCell; readonly patched: ReadyCell }[] = [];
  for (const planned of run.plan.cells) {
    const { cell, flavour } = planned;
    const both = {
      base: await readyCell(cell, flavour, context),
      patched: await readyCell(cell, patchedKernel(context, run.plan.kernels, flavour), context),
    };
    ready.push({ planned: { ...planned, keys: { base: both.base.key, patched: both.patched.key } }, ...both });
  }
  run.plan = { ...run.plan, cells: ready.map(({ planned }) => planned) };
  await folder?.putPlan(run.plan);
  const state = async (how: Omit<ShardState, 'shard'>): Promise<void> => {
    if (folder && shard) await folder.putState(run.plan, { shard, ...how });
  };
  await state({ state: 'began' });
  const own = shard ? partsOf(run.plan.cells.map(settledCell), shard.count)[shard.index - 1] : undefined;
  const todo = soonestFirst(
    ready.filter((_, index) => own?.includes(index) ?? true),
    ({ planned }) => settledCell(planned),
  );
  const tellOf = tellerOf(
    todo.map(({ planned }) => planned.cell.name),
    hooks,
  );
  try {
    await inPool(todo, hooks.jobs, async ({ planned, base, patched }) => {
      await tellOf(planned.cell.name, async (tell) => {
        await resultFor(run, patched, folder, tell('with the patches'));
        await resultFor(run, base, folder, tell('without them'));
      });
      const [compared] = validationOf(
        { ...run.plan, cells: [planned] },
        run.results,
        replayIn(context, run.plan),
      ).cells;
      if (compared) hooks.onCell(compared);
    });
  } catch (error) {
    await state({ state: 'failed', ended: hooks.reasonOf(context.signal.aborted ? context.signal.reason : error) });
    throw error;
  }
  await state({ state: 'done' });
}

/**
 * Finds which patch breaks each of the cells that are broken, with the first patches of the list, and then with more or fewer of them.
 * @throws RigError.
 */
export async function bisectBroken(
  { arch, changes, plan, results }: Run,
  broken: readonly CellComparison[],
  {
    context,
    say,
    onBisected,
  }: Pick<ValidationHooks, 'context'> & {
    readonly say: RunHooks['say'];
    readonly onBisected: (one: BisectedCell) => void;
  },
): Promise<readonly BisectedCell[]> {
  const all: BisectedCell[] = [];
  const patchAt = (index: number): ValidatedPatch => plan.patches[index] ?? { name: String(index), subject: '' };
  for (const { cell, base } of broken) {
    const flavour = plan.cells.find((one) => one.cell.name === cell.name)?.flavour;
    if (flavour === undefined) continue;
    const { suspects, skipped } = await bisect(changes.length, async (first) => {
      const which = `${cell.name}, ${first} of ${changes.length} patches`;
      try {
        const { dir } = await obtainPatchedKernel({ flavour, arch }, changes.slice(0, first), context);
        const ready = await readyCell(cell, dir, context);
        const result = results.get(ready.key) ?? (await ready.run((what) => say(`${which}: ${what}`)));
        const { change } = compareCell(cell, base, { ...result, replay: '' });
        return change === 'broken' ? 'bad' : 'good';
      } catch (error) {
        if (error instanceof PatchesDoNotBuild) return { skip: error.message };
        throw error;
      }
    });
    const one = {
      cell: cell.name,
      suspects: suspects.map(patchAt),
      skipped: skipped.map(({ index, why }) => ({ patch: patchAt(index), why })),
    };
    all.push(one);
    onBisected(one);
  }
  return all;
}

/**
 * The kernels of all flavours with the patches, from the cache or built now, and what tools say of them.
 * @throws PatchesDoNotBuild that names the flavour when there are several; InputError when a patch does not apply; RigError.
 */
export async function builtKernels(
  arch: KernelKind['arch'],
  flavours: readonly KernelFlavour[],
  changes: readonly Change[],
  context: BuildContext,
): Promise<Pick<ValidationPlan, 'warnings' | 'complaints'> & { readonly kernels: readonly PlannedKernels[] }> {
  const kernels: PlannedKernels[] = [];
  const warnings = new Set<string>();
  const [first] = flavours;
  for (const flavour of flavours) {
    const patched = await obtainPatchedKernel({ flavour, arch }, changes, context).catch((error: unknown) => {
      if (error instanceof PatchesDoNotBuild && flavours.length > 1)
        throw new PatchesDoNotBuild(`${error.where} (${flavour})`, error.details);
      throw error;
    });
    const { sha256: base } = await obtainKernel(flavour, context, arch);
    kernels.push({ flavour, base, patched: patched.sha256, artifact: patched.name });
    if (patched.warnings.length === 0) continue;
    // Those of a tree of the user's own are all its own.
    const isTree = changes.some(({ tree }) => tree !== undefined);
    const known = isTree ? [] : (await obtainPatchedKernel({ flavour, arch }, [], context)).warnings;
    for (const warning of newComplaints(known, patched.warnings)) warnings.add(warning);
  }
  const complaints = first === undefined ? [] : await obtainComplaints({ flavour: first, arch }, changes, context);
  return { warnings: [...warnings], complaints, kernels };
}

/** Runs a cell on one kernel, unless the folder or the cache has its result. */
async function resultFor(
  { results }: Run,
  ready: ReadyCell,
  folder: ResultsFolder | undefined,
  say: RunHooks['say'],
): Promise<void> {
  const known = results.get(ready.key) ?? (await folder?.get(ready.key));
  const result = known ?? (await ready.run(say));
  results.set(ready.key, result);
  if (known === undefined) await folder?.put(ready.key, result);
}

/** What becomes of the cells of a validation, or of a shard. */
export interface PoolState {
  /** How many have been run. */
  readonly done: number;
  readonly running: readonly {
    /** Of the cell. */
    readonly name: string;
    /** `with the patches`. */
    readonly which: string;
    /** What is done at present, and how much of it, from 0 to 1; undefined before it has begun. */
    readonly step: string | undefined;
    readonly fraction: number | undefined;
    /** When it began, in ms of a monotonic clock. */
    readonly sinceMs: number;
  }[];
  /** The names of those that are to come, in their order. */
  readonly waiting: readonly string[];
}

type Tell = (which: string) => RunHooks['say'];

/** Tells how far the cells of these names are. */
function tellerOf(
  names: readonly string[],
  { onState }: Pick<ValidationHooks, 'onState'>,
): (name: string, work: (tell: Tell) => Promise<void>) => Promise<void> {
  const running = new Map<string, PoolState['running'][number]>();
  const waiting = new Set(names);
  let done = 0;
  const tellAll = (): void => onState({ done, running: [...running.values()], waiting: [...waiting] });
  return async (name, work) => {
    const sinceMs = performance.now();
    waiting.delete(name);
    const set = (which: string, step?: string, fraction?: number): void => {
      running.set(name, { name, which, step, fraction, sinceMs });
      tellAll();
    };
    await work((which) => {
      set(which);
      return (what, fraction) => set(which, what, fraction);
    });
    running.delete(name);
    done++;
    tellAll();
  };
}
