// SPDX-License-Identifier: MIT
/**
 * `node tools/run.mjs tools/refresh-lock.ts` renews `disk-images/packages.lock`: the newest versions for all recipes
 * and for the libraries of guest programs.
 */
import { mkdtemp, rm, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFailure } from './cli/failure.js';
import { ENDING_SIGNALS, Interrupted } from './cli/interrupt.js';
import { packageWish } from '../disk-images/build.js';
import { KERNEL_ARCHS } from '../guest-kernel/build.js';
import { libraryPackages } from '../guest-kernel/userspace/build.js';
import { packagePath } from '../emulator/host/node/paths.js';
import { hostSuite } from '../emulator/host/node/packages/apt.js';
import { lockedSet, parseLock, renderLock, type LockedSet } from '../emulator/host/node/packages/lock.js';
import { LOCK_PATH, resolveWish } from '../emulator/host/node/packages/obtain.js';
import { builtInRecipes, readRecipe } from '../disk-images/recipe/read.js';

const scratch = await mkdtemp(join(tmpdir(), 'snapback-lock-'));
const abort = new AbortController();
for (const name of ENDING_SIGNALS) process.once(name, () => abort.abort(new Interrupted()));
const { signal } = abort;
const context = { cacheDir: scratch, signal, progress: (what: string) => console.error(what) };
try {
  const suite = await hostSuite();
  const path = packagePath(...LOCK_PATH);
  const others = parseLock(await readFile(path, 'utf8').catch(() => ''), path).filter((set) => set.suite !== suite);
  const sets: LockedSet[] = [];
  const recipes = await Promise.all((await builtInRecipes()).map((name) => readRecipe(name)));
  const wishes = KERNEL_ARCHS.flatMap((arch) => [
    ...recipes.flatMap(({ recipe }) =>
      recipe.volumes.flatMap(({ packages }) => (packages ? [packageWish(packages, arch)] : [])),
    ),
    libraryPackages(arch),
  ]);
  for (const packages of wishes) {
    const wish = { suite, ...packages };
    if (lockedSet(sets, wish)) continue;
    const notes: string[] = [];
    sets.push({ ...wish, packages: await resolveWish(wish, join(scratch, String(sets.length)), context, notes) });
    for (const note of notes) console.error(`note: ${note}`);
  }
  await writeFile(
    path,
    renderLock([...others, ...sets].sort((a, b) => (a.suite < b.suite ? -1 : a.suite > b.suite ? 1 : 0))),
  );
  console.error(`${path}: ${sets.reduce((sum, set) => sum + set.packages.length, 0)} packages of ${suite}`);
} catch (error) {
  const { message, exitCode } = describeFailure(signal.aborted ? signal.reason : error);
  console.error(message);
  process.exitCode = exitCode;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
