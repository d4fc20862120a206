// SPDX-License-Identifier: MIT
/**
 * A folder with results of validations, for `snapback merge` and for the next try of a shard:
 *
 *     plan-PLAN.json                 what the validation is going to do, named by a key of it
 *     cell-KEY.json                  what came of a cell on one kernel, named by the key of its contents
 *     shard-PLAN-2-of-8.json         how far a shard has come
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recipeKey } from '../../emulator/host/node/artifacts/store.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import type { CellResult } from '../../emulator/validate/cell.js';
import { identityOf, type ShardState, type ValidationPlan } from '../../emulator/validate/plan.js';
import type { Shard } from '../../emulator/validate/shards.js';
import { readPlan, readResult, readState, type Read } from '../../emulator/validate/stored.js';

export const planKey = (plan: ValidationPlan): string =>
  recipeKey({ name: 'validation', inputs: { plan: identityOf(plan) } });

export interface ResultsFolder {
  /** What an earlier try has left. */
  readonly get: (key: string) => Promise<CellResult | undefined>;
  readonly put: (key: string, result: CellResult) => Promise<void>;
  readonly putPlan: (plan: ValidationPlan) => Promise<void>;
  readonly putState: (plan: ValidationPlan, state: ShardState) => Promise<void>;
}

/** The folder `dir`, which is made if it is not there. @throws InputError when that is impossible. */
export async function openResults(dir: string): Promise<ResultsFolder> {
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new InputError(`cannot use ${dir} for results: ${(cause as Error).message}`, {
      cause,
      remedy: 'name a folder that you can write to with --results',
    });
  });
  const put = async (name: string, value: object): Promise<void> => {
    // In one step: a worker may be killed at any time, and another may write the same.
    const partial = join(dir, `.${name}.${randomUUID()}`);
    try {
      await writeFile(partial, `${JSON.stringify(value)}\n`);
      await rename(partial, join(dir, name));
    } catch (cause) {
      throw new RigError(`cannot write ${join(dir, name)}`, { cause, remedy: 'make room in that folder' });
    }
  };
  return {
    get: async (key) => {
      const text = await readFile(join(dir, cellFile(key)), 'utf8').catch(() => undefined);
      const read = text === undefined ? undefined : readResult(text);
      return read && 'value' in read ? read.value : undefined;
    },
    put: (key, result) => put(cellFile(key), result),
    putPlan: (plan) => put(`plan-${planKey(plan)}.json`, plan),
    putState: (plan, state) => put(`shard-${planKey(plan)}-${fileOf(state.shard)}.json`, state),
  };
}

const cellFile = (key: string): string => `cell-${key}.json`;
const fileOf = ({ index, count }: Shard): string => `${index}-of-${count}`;

export interface Collected {
  readonly plan: ValidationPlan;
  readonly results: ReadonlyMap<string, CellResult>;
  readonly states: readonly ShardState[];
}

/**
 * What is in `dirs` and in the folders within them, as artifacts of CI systems are laid out.
 * @throws InputError when there is no plan, or more than one, or a file is damaged; RigError when two results of equal contents
 *   differ.
 */
export async function collectResults(dirs: readonly string[]): Promise<Collected> {
  const files = (await Promise.all(dirs.map(filesIn))).flat();
  const plans = new Map<string, { readonly plan: ValidationPlan; readonly file: string }>();
  const results = new Map<string, { readonly text: string; readonly result: CellResult; readonly file: string }>();
  const states: { readonly plan: string; readonly state: ShardState }[] = [];
  for (const { name, file } of files) {
    const [, plan] = /^plan-([0-9a-f]{20})\.json$/.exec(name) ?? [];
    const [, cell] = /^cell-([0-9a-f]{20})\.json$/.exec(name) ?? [];
    const [, ofPlan] = /^shard-([0-9a-f]{20})-\d+-of-\d+\.json$/.exec(name) ?? [];
    if (plan !== undefined && !plans.has(plan)) plans.set(plan, { plan: await checked(file, readPlan), file });
    if (ofPlan !== undefined) states.push({ plan: ofPlan, state: await checked(file, readState) });
    if (cell === undefined) continue;
    const result = await checked(file, readResult);
    const text = JSON.stringify(result);
    const other = results.get(cell);
    if (other !== undefined && other.text !== text)
      throw new RigError(`${other.file} and ${file} differ, although their runs had the same contents`, {
        remedy: 'find out which of the machines does not compute like the other',
      });
    results.set(cell, { text, result, file });
  }
  const [[id, only] = [], second] = plans;
  if (id === undefined || only === undefined)
    throw new InputError(`there are no results in ${dirs.join(', ')}`, {
      remedy: 'name the folders that `snapback validate --results` has filled',
    });
  if (second !== undefined)
    throw new InputError(
      `${only.file} and ${second[1].file} belong to different validations (${differenceOf(only.plan, second[1].plan)})`,
      { remedy: 'give each validation folders of its own' },
    );
  return {
    plan: only.plan,
    results: new Map([...results].map(([key, { result }]) => [key, result])),
    states: latest(states.flatMap((one) => (one.plan === id ? [one.state] : []))),
  };
}

/** Of each shard that has left several states, the one of the try that came farthest. */
function latest(states: readonly ShardState[]): readonly ShardState[] {
  const order: readonly ShardState['state'][] = ['began', 'failed', 'done'];
  const best = new Map<string, ShardState>();
  for (const state of states) {
    const name = fileOf(state.shard);
    const other = best.get(name);
    if (other === undefined || order.indexOf(state.state) > order.indexOf(other.state)) best.set(name, state);
  }
  return [...best.values()];
}

/** The first part in which they differ, for people. */
function differenceOf(one: ValidationPlan, other: ValidationPlan): string {
  const parts = ['patches', 'changes', 'kernelVersion', 'flavours', 'matrix', 'kernels', 'cells'] as const;
  const part = parts.find((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
  return part === undefined ? 'one of them did not build' : `they differ in their ${part}`;
}

interface Found {
  readonly name: string;
  readonly file: string;
}

async function filesIn(dir: string): Promise<readonly Found[]> {
  try {
    return (await readdir(dir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => ({ name, file: join(parentPath, name) }))
      .sort((a, b) => (a.file < b.file ? -1 : 1));
  } catch (cause) {
    throw new InputError(`cannot read the results in ${dir}: ${(cause as Error).message}`, {
      cause,
      remedy: 'name a folder that `snapback validate --results` has filled',
    });
  }
}

async function checked<T>(file: string, read: (text: string) => Read<T>): Promise<T> {
  const one = read(await readFile(file, 'utf8'));
  if ('value' in one) return one.value;
  throw new InputError(`${file} holds no result: ${one.problem}`, { remedy: 'run that shard again' });
}
