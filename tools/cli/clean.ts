// SPDX-License-Identifier: MIT
/** `snapback clean`: makes room in the cache. */
import { basename } from 'node:path';
import { obtainDisk, obtainInitramfs, packageWish } from '../../disk-images/build.js';
import { obtainLibrary } from '../../disk-images/filesystems/steady.js';
import { obtainPackages } from '../../emulator/host/node/packages/obtain.js';
import { builtInRecipes, readRecipe } from '../../disk-images/recipe/read.js';
import { KERNEL_ARCHS, KERNEL_FLAVOURS } from '../../guest-kernel/build.js';
import { kernelTwice, smallKernelTwice } from '../../guest-kernel/rebuild.js';
import { findSource, obtainSource } from '../../guest-kernel/source.js';
import { obtainUserspace } from '../../guest-kernel/userspace/build.js';
import { cleanCache } from '../../emulator/host/node/artifacts/clean.js';
import { AbsentError, type BuildContext } from '../../emulator/host/node/artifacts/context.js';
import { EXIT } from '../../emulator/machine/errors.js';
import { buildContext } from './build-context.js';
import type { CommandContext } from './context.js';

export interface CleanOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

const DAY_MS = 24 * 3_600_000;

export async function cleanCommand({ all, dryRun }: CleanOptions, { signal }: CommandContext): Promise<number> {
  const { context } = buildContext(signal);
  const keep = all === true ? 'nothing' : await neededArtifacts(context);
  const { removed, bytes, keptBytes } = await cleanCache({
    cacheDir: context.cacheDir,
    keep,
    dryRun: dryRun === true,
    checkpointAgeMs: DAY_MS,
    nowMs: Date.now(),
  });
  for (const { name, bytes: each } of removed) console.log(`${megabytes(each).padStart(10)}  ${name}`);
  console.log(
    `${dryRun === true ? 'would free' : 'freed'} ${megabytes(bytes)} in ${context.cacheDir}${all === true ? '' : `; ${megabytes(keptBytes)} are needed and kept`}`,
  );
  return EXIT.pass;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Names of the artifacts that the present sources need and that are in the cache. Nothing is built. */
export async function neededArtifacts(context: BuildContext): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const looking: BuildContext = { ...context, look: (dir) => void names.add(basename(dir)) };
  const recipes = await builtInRecipes();
  const needs: readonly (() => Promise<unknown>)[] = [
    async () => obtainSource(await findSource(looking), looking),
    ...KERNEL_ARCHS.flatMap((arch) => KERNEL_FLAVOURS.map((flavour) => () => kernelTwice({ flavour, arch }, looking))),
    () => smallKernelTwice(looking),
    () => obtainLibrary(looking),
    ...KERNEL_ARCHS.flatMap((arch) => [
      () => obtainUserspace(looking, arch),
      () => obtainInitramfs(looking, arch),
      ...recipes.map((name) => async () => {
        for (const { packages } of (await readRecipe(name)).recipe.volumes)
          if (packages) await obtainPackages(packageWish(packages, arch), looking);
      }),
      ...recipes.map((name) => () => obtainDisk(name, looking, arch)),
    ]),
  ];
  for (const look of needs) {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof AbsentError)) throw error;
    }
  }
  return names;
}
