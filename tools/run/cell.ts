// SPDX-License-Identifier: MIT
/** Runs a cell of a matrix on a kernel. What came of it is an artifact, so equal contents are run once. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AbsentError, type BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { isWritable, obtain, recipeKey } from '../../emulator/host/node/artifacts/store.js';
import { packageVersions } from '../../emulator/host/node/versions.js';
import { InputError } from '../../emulator/machine/errors.js';
import { isScenarioFile, resultOf, type Cell, type CellResult } from '../../emulator/validate/cell.js';
import { ENGINES } from '../../emulator/engines/names.js';
import { keyWithShare, obtainMachineFacts } from './machine-files.js';
import { runScenario, type RunHooks } from './run-scenario.js';
import { loadScenario, type LoadedScenario } from './scenario-file.js';
import { scenarioPath } from './scenario-names.js';

const RESULT = 'result.json';

/** A digest of the code in this file and of all that it imports, which esbuild.config.mjs puts here. */
declare const CELL_DIGEST: string;

/**
 * The scenario of `cell` on `kernel`: a flavour, or a folder with a kernel. Nothing is built or run.
 * @throws InputError when it cannot be read, or when the cell's machine cannot be repeated.
 */
export async function loadCell(cell: Cell, kernel: string): Promise<LoadedScenario> {
  const file = cellFile(cell);
  const { seed, memoryMiB, freezeOrder, method, parameters } = cell;
  const loaded = await loadScenario(file, {
    kernel,
    ...(seed !== undefined && { seed }),
    ...(memoryMiB !== undefined && { memoryMiB }),
    ...(freezeOrder !== undefined && { freezeOrder }),
    ...(method !== undefined && { method }),
    ...(parameters !== undefined && { parameters }),
  });
  const { engine } = loaded.plan.machine;
  if (!ENGINES[engine].deterministic)
    throw new InputError(`the cell ${cell.name} runs on the engine ${engine}, whose runs differ from each other`, {
      remedy: 'leave it out: a single run there does not tell what a patch has changed',
    });
  return loaded;
}

/** A cell that is ready to run on a kernel. */
export interface ReadyCell {
  readonly loaded: LoadedScenario;
  /** Equal contents have equal keys, on any host. */
  readonly key: string;
  /** Runs it, or takes from the cache what came of it. @throws RigError. */
  readonly run: (say: RunHooks['say']) => Promise<CellResult>;
}

/** Gets ready to run `cell` on `kernel`, and builds what its machine needs. @throws as {@link loadCell}; RigError. */
export async function readyCell(cell: Cell, kernel: string, context: BuildContext): Promise<ReadyCell> {
  const loaded = await loadCell(cell, kernel);
  const { plan, scenario, sha256 } = loaded;
  const facts = await obtainMachineFacts(plan.machine, scenario.disks, context);
  const name = 'cell';
  const inputs = {
    scenario: sha256,
    machine: keyWithShare(facts, plan.share),
    boot: JSON.stringify(facts.bootCommands),
    control: String(plan.control),
    // The proofs belong to the result, and so does their code, in whatever program it runs.
    rig: CELL_DIGEST,
    packages: JSON.stringify(packageVersions()),
  };
  const result = async (inner: BuildContext, say: RunHooks['say']): Promise<CellResult> => {
    const copies: Uint8Array[] = [];
    const onCopy = (kinds: Uint8Array): void => void copies.push(kinds);
    const { report, outcome, machines, disks: shown } = await runScenario(loaded, inner, { say, onCopy });
    const disks = shown.map(({ volumes, ...disk }) => ({
      ...disk,
      volumes: volumes.map(({ role, ...volume }) => ({ ...volume, ...(role !== undefined && { role }) })),
    }));
    return resultOf(report, { machines, disks, copies, console: new TextDecoder().decode(outcome.main.console) });
  };
  return {
    loaded,
    key: recipeKey({ name, inputs }),
    run: async (say) => {
      const build = async (dir: string, _scratch: string, inner: BuildContext): Promise<void> =>
        writeFile(join(dir, RESULT), JSON.stringify(await result(inner, say)));
      const recipe = { name, inputs, build };
      // A cache that several hosts share may only be read by them.
      const isReadOnly = !(await isWritable(context.cacheDir));
      const artifact = await obtain(recipe, isReadOnly ? { ...context, look: () => undefined } : context).catch(
        (error: unknown) => {
          if (isReadOnly && error instanceof AbsentError) return undefined;
          throw error;
        },
      );
      if (artifact === undefined) return result(context, say);
      return JSON.parse(await readFile(join(artifact.dir, RESULT), 'utf8')) as CellResult;
    },
  };
}

/** Runs `cell` on `kernel`, or takes from the cache what came of it. @throws as {@link loadCell}; RigError. */
export const runCell = async (
  cell: Cell,
  kernel: string,
  context: BuildContext,
  say: RunHooks['say'],
): Promise<CellResult> => (await readyCell(cell, kernel, context)).run(say);

/** The file of a cell's scenario. */
export const cellFile = (cell: Cell): string => (isScenarioFile(cell) ? cell.scenario : scenarioPath(cell.scenario));
