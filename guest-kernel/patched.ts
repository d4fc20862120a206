// SPDX-License-Identifier: MIT
/**
 * Kernels with patches that a user has: on top of the series, in a tree that is kept, so that only what a patch changes
 * is compiled.
 *
 * The tree is unfinished work of the cache (`artifacts/kept.ts`): it is removed when nobody has used it for a day, after a
 * restart of the host, and by `snapback clean`. The kernels are artifacts.
 */
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { obtain, type Recipe } from '../emulator/host/node/artifacts/store.js';
import { kernelRecipe, kernelSpec, type KernelKind } from './build.js';
import { buildInto, inKeptTree, patchedArtifact, type PatchedKernel } from './kept-build.js';
import { completeLeftTree, treeIdentity } from './left-tree.js';
import { obtainTreeKernel } from './own-tree.js';
import type { Change } from './patch-mail.js';
import { applyChanges, goToSeries, openPatchedTree } from './patched-tree.js';
import { findSource, obtainSource, unpackSource } from './source.js';

/**
 * The kernel of the series with `changes`, from the cache or built now.
 * @throws InputError that names the patch that does not apply, with file and line; PatchesDoNotBuild; RigError when the
 *   host is at fault.
 */
export async function obtainPatchedKernel(
  kind: KernelKind,
  changes: readonly Change[],
  context: BuildContext,
): Promise<PatchedKernel> {
  const [{ tree: own } = {}] = changes;
  if (own) return obtainTreeKernel(kind, own, context);
  const source = await findSource(context);
  const base = await kernelRecipe(kind, source, context);
  const artifact = await obtain(
    {
      name: `${base.name}-patched`,
      inputs: {
        ...base.inputs,
        ...inputsOf(changes.map(({ diff }) => diff)),
      },
      build: (dir, scratch, inner) =>
        inTree(kind, base.inputs, scratch, inner, async (tree, lock) => {
          await applyChanges(tree, changes, inner);
          await buildInto(dir, tree, kind, inner, lock);
        }),
    },
    context,
  );
  return patchedArtifact(artifact);
}

/** Inputs of a recipe, in the order of the changes. */
export const inputsOf = (texts: readonly string[]): Recipe['inputs'] =>
  Object.fromEntries(texts.map((text, index) => [`changes/${String(index).padStart(4, '0')}`, text]));

/**
 * Does `work` in the tree of kernels of this kind, in which there is the series and nothing else. `inputs`: those of the kernel without
 * patches.
 */
export async function inTree(
  kind: KernelKind,
  inputs: Recipe['inputs'],
  scratch: string,
  context: BuildContext,
  work: (tree: string, lock: string) => Promise<void>,
): Promise<void> {
  const unpack = async (tree: string): Promise<void> => {
    const source = await findSource(context);
    context.progress(`a tree for patches: unpacking the source of ${source.version}`);
    await unpackSource(await obtainSource(source, context), tree, context, { whole: true });
  };
  const prepare = async (fresh: string): Promise<void> => {
    await unpack(fresh);
    await openPatchedTree(fresh, context);
  };
  await inKeptTree(treeIdentity(kind, inputs), scratch, context, prepare, async (tree, lock) => {
    await completeLeftTree(tree, unpack);
    await goToSeries(tree, (await kernelSpec(kind)).patches, scratch, context);
    await work(tree, lock);
  });
}
