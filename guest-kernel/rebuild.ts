// SPDX-License-Identifier: MIT
/**
 * Builds a kernel a second time, in another folder, interrupted and continued, to check that equal inputs give equal
 * bytes. Only the digests are kept.
 *
 * A test of the soak does this with a small kernel (reproduced.config), which has the files of the series, and the build's steps
 * from the source to the compressed image. `npm run soak -- kernel` does it with the kernels that are booted.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import type { KeptWork } from '../emulator/host/node/artifacts/kept.js';
import { hashFile, obtain, type Recipe } from '../emulator/host/node/artifacts/store.js';
import { packagePath } from '../emulator/host/node/paths.js';
import { RigError } from '../emulator/machine/errors.js';
import { kernelRecipe, kernelRecipeOf, patchesOf, type KernelKind } from './build.js';
import { mergeFragments } from './config.js';
import { findSource } from './source.js';

const FILES = ['bzImage', 'System.map', 'config'] as const;
const DIGESTS = 'sha256.json';
/** Progress at which the build is interrupted, from 0 to 1. */
const INTERRUPTED_AT = 0.5;

/** Of each file of a kernel, the SHA-256 (hex) of the first build and that of the second. */
export type TwoBuilds = Readonly<Record<(typeof FILES)[number], { readonly first: string; readonly second: string }>>;

/** The small kernel, built twice. Each build is made once for the same inputs and takes about a minute. */
export async function smallKernelTwice(context: BuildContext): Promise<TwoBuilds> {
  const file = 'reproduced.config';
  const fragments = [{ file, text: await readFile(packagePath('guest-kernel', file), 'utf8') }];
  const small = {
    name: 'kernel-small',
    title: 'small',
    arch: 'i386',
    fragments,
    patches: await patchesOf('series'),
    options: mergeFragments(fragments),
    stepsExpected: STEPS_EXPECTED,
    about: { flavour: 'small', arch: 'i386' },
  } as const;
  return twice(await kernelRecipeOf(small, await findSource(context), context), context);
}

/** A kernel that is booted, built twice. Each build is made once for the same inputs and takes minutes. */
export async function kernelTwice(kind: KernelKind, context: BuildContext): Promise<TwoBuilds> {
  return twice(await kernelRecipe(kind, await findSource(context), context), context);
}

/** The files of which the second build has other bytes. */
export const filesDiffering = (builds: TwoBuilds): readonly string[] =>
  FILES.filter((file) => builds[file].first !== builds[file].second);

/** Number of steps that make prints for the small kernel. */
const STEPS_EXPECTED = 1070;

async function twice(recipe: Recipe, context: BuildContext): Promise<TwoBuilds> {
  const { sha256: first } = await obtain(recipe, context);
  const second = await obtainAgain(recipe, context);
  const of = (file: (typeof FILES)[number]) => ({ first: first[file] ?? 'absent', second: second[file] ?? 'absent' });
  return { bzImage: of('bzImage'), 'System.map': of('System.map'), config: of('config') };
}

/** SHA-256 (hex) of the results of the second build, by file. */
async function obtainAgain(recipe: Recipe, context: BuildContext): Promise<Readonly<Record<string, string>>> {
  const progress: BuildContext['progress'] = (what, fraction) =>
    context.progress(`a second time, elsewhere: ${what}`, fraction);
  const artifact = await obtain(
    {
      name: `${recipe.name}-again`,
      inputs: { ...recipe.inputs, interrupted: String(INTERRUPTED_AT) },
      build: async (dir, scratch, inner, kept) => {
        const out = join(scratch, 'out');
        await mkdir(out);
        // A path of another length and depth.
        const elsewhere: KeptWork = {
          ...kept,
          folder: (name, prepare) => kept.folder(join('quite', 'another', name), prepare),
        };
        const telling = { ...inner, progress };
        const build = (within: BuildContext): Promise<void> => recipe.build(out, scratch, within, elsewhere);
        await interruptedAt(INTERRUPTED_AT, telling, build);
        await build(telling);
        const digests = await Promise.all(FILES.map(async (file) => [file, await hashFile(join(out, file))] as const));
        await writeFile(join(dir, DIGESTS), `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`);
      },
    },
    context,
  );
  return JSON.parse(await readFile(join(artifact.dir, DIGESTS), 'utf8')) as Record<string, string>;
}

/**
 * Runs `work` up to the progress `fraction` and interrupts it like a user. @throws RigError when it ends before that.
 */
export async function interruptedAt(
  fraction: number,
  context: BuildContext,
  work: (within: BuildContext) => Promise<void>,
): Promise<void> {
  const interruption = new AbortController();
  const within: BuildContext = {
    ...context,
    signal: AbortSignal.any([context.signal, interruption.signal]),
    progress: (what, at = 0) => {
      context.progress(what, at);
      if (at >= fraction) interruption.abort(new Error('interrupted on purpose'));
    },
  };
  try {
    await work(within);
  } catch (error) {
    if (interruption.signal.aborted && !context.signal.aborted) return;
    throw error;
  }
  throw new RigError(`the second build ended before it could be interrupted at ${fraction * 100} %`, {
    remedy: 'correct the number of steps that guest-kernel/build.ts expects',
  });
}
