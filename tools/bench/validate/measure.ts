// SPDX-License-Identifier: MIT
/** How long it takes to validate a patch that nobody has validated before, by whole processes on a warm cache. */
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { command } from '../../../emulator/host/node/process.js';
import { makeTemporaryFolder } from '../../../emulator/host/node/temporary.js';
import { RigError } from '../../../emulator/machine/errors.js';
import type { Validation } from '../../../emulator/validate/validation.js';
import { scenarioPath } from '../../run/scenario-names.js';

/** In ms of the host. */
export interface ValidateSample {
  /** From the start of the command to the verdict about the first cell of the matrix `quick`. */
  readonly firstVerdictMs: number;
  /** To the end of the command. */
  readonly quickMs: number;
}

/** In ms of the host: the same cells on the same kernel, which is built. */
export interface PoolSample {
  /** By `snapback validate`, as many at once as the host allows. */
  readonly sideBySideMs: number;
  /** By `snapback run`, one after the other. */
  readonly oneByOneMs: number;
}

/** The cells of the comparison: one scenario with several seeds. */
export const POOL_SCENARIO = 'rollback-short';
export const POOL_SEEDS: readonly number[] = [11, 12, 13, 14, 15, 16];

/** Is this line of `snapback validate` a verdict about a cell? See `renderCell`. */
export const isVerdict = (line: string): boolean =>
  /^ {2}\S.* (?:unchanged|fixed|broken|broken before)(?: {2}|$)/.test(line);

/** A change that breaks nothing, and that no kernel has had yet. */
const newPatch = (): string => `--- a/kernel/power/hibernate.c
+++ b/kernel/power/hibernate.c
@@ -883,5 +883,5 @@ int hibernate(void)
 \t}
 
-\tpr_info("hibernation entry\\n");
+\tpr_info("hibernation entry, %s\\n", "${randomUUID()}");
 \trig_begin(RIG_CALL, 0, 0);
 \tpm_prepare_console();
`;

/** Validates a new patch by the matrix `quick`. */
export const validateNewPatch = (context: BuildContext): Promise<ValidateSample> =>
  inFolder(async (dir) => {
    await writeFile(join(dir, 'new.patch'), newPatch());
    const began = performance.now();
    let firstVerdictMs: number | undefined;
    const quickMs = await timed(['validate', '--patches', join(dir, 'new.patch')], context, (line) => {
      if (isVerdict(line)) firstVerdictMs ??= performance.now() - began;
    });
    if (firstVerdictMs === undefined) throw new RigError('snapback validate has said nothing about a cell');
    return { firstVerdictMs, quickMs };
  });

/** Runs cells that nobody has run on this kernel, in both ways. Without the patch, they are in the cache from the second time on. */
export const runCellsBothWays = (context: BuildContext): Promise<PoolSample> =>
  inFolder(async (dir) => {
    const [patch, matrix, report] = [join(dir, 'new.patch'), join(dir, 'matrix.yaml'), join(dir, 'report.json')];
    await writeFile(patch, newPatch());
    await writeFile(matrix, `seeds: [${POOL_SEEDS.join(', ')}]\nscenarios: [${POOL_SCENARIO}]\n`);
    await timed(['build', '--patches', patch], context);
    const sideBySideMs = await timed(['validate', '--patches', patch, '--matrix', matrix, '--json', report], context);
    const { cells } = JSON.parse(await readFile(report, 'utf8')) as Validation;
    let oneByOneMs = 0;
    for (const { patched } of cells) {
      const kernel = / --kernel (\S+)/.exec(patched.replay)?.[1];
      const seed = / --seed (\d+)/.exec(patched.replay)?.[1];
      if (kernel === undefined || seed === undefined) throw new RigError(`a cell is not repeated by ${patched.replay}`);
      const file = scenarioPath(POOL_SCENARIO);
      oneByOneMs += await timed(['run', file, '--kernel', kernel, '--seed', seed], context);
    }
    return { sideBySideMs, oneByOneMs };
  });

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await makeTemporaryFolder('snapback-bench-');
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs snapback, and answers how long that took in ms. `onLine` gets each line that it prints. @throws RigError when it does not pass. */
async function timed(
  args: readonly string[],
  context: BuildContext,
  onLine: (line: string) => void = () => undefined,
): Promise<number> {
  const began = performance.now();
  await command(process.execPath, [packagePath('tools', 'snapback.mjs'), ...args], context, { onLine });
  return performance.now() - began;
}
