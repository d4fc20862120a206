// SPDX-License-Identifier: MIT
/** Runs a cell of a matrix on a kernel. What came of it is an artifact, so equal contents are run once. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { obtain } from '../../emulator/host/node/artifacts/store.js';
import { packageVersions } from '../../emulator/host/node/versions.js';
import { InputError } from '../../emulator/machine/errors.js';
import { isScenarioFile, resultOf, type Cell, type CellResult } from '../../emulator/validate/cell.js';
import { ENGINES } from '../../emulator/engines/names.js';
import { obtainMachineFiles, withShare } from './machine-files.js';
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
  const file = isScenarioFile(cell) ? cell.scenario : scenarioPath(cell.scenario);
  const { seed, memoryMiB } = cell;
  const loaded = await loadScenario(file, {
    kernel,
    ...(seed !== undefined && { seed }),
    ...(memoryMiB !== undefined && { memoryMiB }),
  });
  const { engine } = loaded.plan.machine;
  if (!ENGINES[engine].deterministic)
    throw new InputError(`the cell ${cell.name} runs on the engine ${engine}, whose runs differ from each other`, {
      remedy: 'leave it out: a single run there does not tell what a patch has changed',
    });
  return loaded;
}

/** Runs `cell` on `kernel`, or takes from the cache what came of it. @throws as {@link loadCell}; RigError. */
export async function runCell(
  cell: Cell,
  kernel: string,
  context: BuildContext,
  say: RunHooks['say'],
): Promise<CellResult> {
  const loaded = await loadCell(cell, kernel);
  const { plan, scenario, sha256 } = loaded;
  const files = withShare(await obtainMachineFiles(plan.machine, scenario.disks, context), plan.share);
  const artifact = await obtain(
    {
      name: 'cell',
      inputs: {
        scenario: sha256,
        machine: files.configKey,
        control: String(plan.control),
        // The proofs belong to the result, and so does their code, in whatever program it runs.
        rig: CELL_DIGEST,
        packages: JSON.stringify(packageVersions()),
      },
      build: async (dir, _scratch, inner) => {
        const { report } = await runScenario(loaded, inner, { say });
        await writeFile(join(dir, RESULT), JSON.stringify(resultOf(report)));
      },
    },
    context,
  );
  return JSON.parse(await readFile(join(artifact.dir, RESULT), 'utf8')) as CellResult;
}
