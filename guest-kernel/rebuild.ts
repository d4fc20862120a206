// SPDX-License-Identifier: MIT
/** Builds a kernel a second time, elsewhere, to see that the same inputs give the same bytes. Only the digests are kept. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { hashFile, obtain } from '../emulator/host/node/artifacts/store.js';
import { kernelRecipe, type KernelFlavour } from './build.js';
import { findSource } from './source.js';

const FILES = ['bzImage', 'System.map', 'config'] as const;
const DIGESTS = 'sha256.json';

/** SHA-256 (hex) of what the second build came to, by file. Built once for the same inputs, which takes minutes. */
export async function obtainRebuild(
  flavour: KernelFlavour,
  context: BuildContext,
): Promise<Readonly<Record<(typeof FILES)[number], string>>> {
  const progress: BuildContext['progress'] = (what, fraction) =>
    context.progress(`a second time, elsewhere: ${what}`, fraction);
  const recipe = await kernelRecipe(flavour, await findSource(context), { ...context, progress });
  const artifact = await obtain(
    {
      name: `${recipe.name}-again`,
      inputs: recipe.inputs,
      build: async (dir, scratch, inner) => {
        // A path of another length, deeper down.
        const elsewhere = join(scratch, 'quite', 'another', 'place');
        const out = join(scratch, 'out');
        await mkdir(elsewhere, { recursive: true });
        await mkdir(out);
        await recipe.build(out, elsewhere, inner);
        const digests = await Promise.all(FILES.map(async (file) => [file, await hashFile(join(out, file))] as const));
        await writeFile(join(dir, DIGESTS), `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`);
      },
    },
    context,
  );
  return JSON.parse(await readFile(join(artifact.dir, DIGESTS), 'utf8')) as Record<(typeof FILES)[number], string>;
}
