// SPDX-License-Identifier: MIT
/**
 * Builds a kernel a second time, in another folder, interrupted and continued, to check that equal inputs give equal
 * bytes.
 * Only the digests are kept.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import type { KeptWork } from '../emulator/host/node/artifacts/kept.js';
import { hashFile, obtain } from '../emulator/host/node/artifacts/store.js';
import { RigError } from '../emulator/machine/errors.js';
import { kernelRecipe, type KernelFlavour } from './build.js';
import { findSource } from './source.js';

const FILES = ['bzImage', 'System.map', 'config'] as const;
const DIGESTS = 'sha256.json';
/** Progress at which the build is interrupted, from 0 to 1. */
const INTERRUPTED_AT = 0.5;

/**
 * SHA-256 (hex) of the results of the second build, by file. It is built once for the same inputs and takes minutes.
 */
export async function obtainRebuild(
  flavour: KernelFlavour,
  context: BuildContext,
): Promise<Readonly<Record<(typeof FILES)[number], string>>> {
  const progress: BuildContext['progress'] = (what, fraction) =>
    context.progress(`a second time, elsewhere: ${what}`, fraction);
  const recipe = await kernelRecipe({ flavour, arch: 'i386' }, await findSource(context), context);
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
  return JSON.parse(await readFile(join(artifact.dir, DIGESTS), 'utf8')) as Record<(typeof FILES)[number], string>;
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
