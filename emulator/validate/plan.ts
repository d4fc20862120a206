// SPDX-License-Identifier: MIT
/** What a validation is going to do, and what comes of it once results are there, wherever they were made. */
import type { Cell, CellResult } from './cell.js';
import { compareCell } from './compare.js';
import type { KernelFlavour } from '../cycle/plan.js';
import { partsOf, shardName, type Shard } from './shards.js';
import { verdictOn, type ValidatedKernels, type Validation } from './validation.js';

export interface PlannedCell {
  readonly cell: Cell;
  /** Of its kernels. */
  readonly flavour: KernelFlavour;
  /** The seed of its run. */
  readonly seed: number;
  /** Words of the command line that repeats it, for a machine or steps that are not the scenario's own; or nothing. */
  readonly machineWords: string;
  /** The keys of its results without and with the patches. Equal kernels give equal keys. */
  readonly keys?: { readonly base: string; readonly patched: string };
}

/** The cell with its flavour, on which its cost depends. */
export const settledCell = ({ cell, flavour }: PlannedCell): Cell => ({ ...cell, flavour });

/** Kernels that are built, and the artifact of the one with the patches. */
export interface PlannedKernels extends ValidatedKernels {
  readonly artifact: string;
}

export interface ValidationPlan extends Pick<
  Validation,
  'formatVersion' | 'kernelVersion' | 'flavours' | 'matrix' | 'patches' | 'warnings' | 'complaints' | 'buildFailure'
> {
  /** A key of the contents of the patches. */
  readonly changes: string;
  /** Of each flavour. Absent, like the keys of cells, until they are built. */
  readonly kernels?: readonly PlannedKernels[];
  readonly cells: readonly PlannedCell[];
}

/**
 * What all shards of a validation have in common. What compilers and other tools say is left out: it depends on the order in which they
 * end, and on what was compiled before.
 */
export function identityOf({ warnings: _, complaints: _complaints, buildFailure, ...same }: ValidationPlan): string {
  return JSON.stringify({ ...same, builds: buildFailure === undefined });
}

/** The command that repeats the run of a cell without or with the patches. */
export type ReplayOf = (planned: PlannedCell, which: 'base' | 'patched') => string;

/** What has come of `plan` so far. `results`: by key. `ended`: why there is no more to come. */
export function validationOf(
  plan: ValidationPlan,
  results: ReadonlyMap<string, CellResult>,
  replayOf: ReplayOf,
  ended?: Validation['ended'],
): Validation {
  const done = plan.cells.flatMap((planned) => {
    const [base, patched] = [results.get(planned.keys?.base ?? ''), results.get(planned.keys?.patched ?? '')];
    if (base === undefined || patched === undefined) return [];
    const with_ = (
      { artifacts: _artifacts, machines: _, disks: _disks, copies: _copies, console: _console, ...result }: CellResult,
      which: 'base' | 'patched',
    ) => ({
      ...result,
      replay: replayOf(planned, which),
    });
    return [compareCell(planned.cell, with_(base, 'base'), with_(patched, 'patched'))];
  });
  const names = new Set(done.map(({ cell }) => cell.name));
  const notRun = plan.cells.flatMap(({ cell: { name } }) => (names.has(name) ? [] : [name]));
  const { formatVersion, kernelVersion, flavours, matrix, patches, warnings, complaints, kernels, buildFailure } = plan;
  return {
    formatVersion,
    kernelVersion,
    flavours,
    matrix,
    patches,
    verdict: buildFailure ? 'does not build' : verdictOn(done, notRun),
    ...(buildFailure && { buildFailure }),
    warnings,
    complaints,
    ...(kernels && { kernels: kernels.map(({ artifact: _, ...one }) => one) }),
    ...(ended && { ended }),
    cells: done,
    notRun,
  };
}

/** What a shard has said of itself. */
export interface ShardState {
  readonly shard: Shard;
  /** `began` stays when it is killed. */
  readonly state: 'began' | 'done' | 'failed';
  /** Why it failed. */
  readonly ended?: NonNullable<Validation['ended']>;
}

/** Which shards have not done their cells, and why; undefined when all results are there. `states`: of those that have begun. */
export function missingFrom(
  plan: ValidationPlan,
  notRun: readonly string[],
  states: readonly ShardState[],
): Validation['ended'] {
  if (plan.buildFailure !== undefined || notRun.length === 0) return undefined;
  const missing = new Set(notRun);
  const lines: string[] = [];
  const cells = plan.cells.map(settledCell);
  for (const count of [...new Set(states.map(({ shard }) => shard.count))].sort((a, b) => a - b)) {
    for (const [at, indices] of partsOf(cells, count).entries()) {
      const names = indices.map((index) => cells[index]?.name ?? '').filter((name) => missing.has(name));
      if (names.length === 0) continue;
      const shard = { index: at + 1, count };
      const state = states.find((one) => one.shard.index === shard.index && one.shard.count === count);
      lines.push(`${shardName(shard)}, ${howItEnded(state)}: ${names.join('; ')}`);
      lines.push(...(state?.ended?.details ?? []).map((line) => `  ${line}`));
    }
  }
  return { reason: 'results are missing', details: lines };
}

function howItEnded(state: ShardState | undefined): string {
  if (state === undefined) return 'which has left nothing';
  if (state.state === 'began') return 'which began and did not end';
  if (state.state === 'failed') return `which failed (${state.ended?.reason ?? ''})`;
  return 'which ended, but whose results are not all there';
}
