// SPDX-License-Identifier: MIT
/**
 * The tree in which a kernel of the series has been built becomes the one in which patches are built on top of the series
 * (`patched.ts`), so that the first patch does not wait for a whole kernel to be compiled.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { keptPath } from '../emulator/host/node/artifacts/kept.js';
import { removeWhole } from '../emulator/host/node/artifacts/remove.js';
import type { Recipe } from '../emulator/host/node/artifacts/store.js';
import { kernelSpec, type KernelKind } from './build.js';
import { withTreeAlone } from './kept-build.js';
import { SERIES, takeSeriesTree } from './patched-tree.js';
import { WARNINGS } from './warnings.js';

/** What a tree for patches is found by. Another series or configuration goes on with the same tree. */
export function treeIdentity(
  { arch, flavour }: KernelKind,
  { builder = '', environment = '', source = '', tools = '' }: Recipe['inputs'],
): Pick<Recipe, 'name' | 'inputs'> {
  return { name: `validation-${arch}-${flavour}`, inputs: { builder, environment, source, tools } };
}

/** Beside a tree that lacks the files of the source that no kernel of ours needs. A patch may be about them. */
const PARTIAL = 'partial';

/** The kernel on which patches are tried first. A tree takes 2 GB, for a day: others are not left. */
const isLeft = ({ flavour, arch }: KernelKind): boolean => flavour === 'release' && arch === 'i386';

/** The recipe, which leaves its tree for patches. An older one goes: it would be compiled anew for this series. */
export function leavingTree(kind: KernelKind, recipe: Recipe): Recipe {
  if (!isLeft(kind)) return recipe;
  return {
    ...recipe,
    build: async (dir, scratch, context, kept) => {
      await recipe.build(dir, scratch, context, kept);
      await leave(await kept.folder('linux'), kind, recipe.inputs, context);
    },
  };
}

function leave(built: string, kind: KernelKind, inputs: Recipe['inputs'], context: BuildContext): Promise<void> {
  return withTreeAlone(treeIdentity(kind, inputs), context, async (place) => {
    const home = keptPath(place);
    await removeWhole(home);
    await mkdir(home, { recursive: true });
    await writeFile(join(home, PARTIAL), '');
    await takeSeriesTree(built, (await kernelSpec(kind)).patches, context);
    for (const file of [WARNINGS, SERIES]) await rename(join(dirname(built), file), join(home, file));
    // Last, since a tree is taken for complete.
    await rename(built, join(home, 'linux'));
  });
}

/** Adds what is missing in a tree that has been left: `unpack` unpacks the whole source, and files that are there stay. */
export async function completeLeftTree(tree: string, unpack: (tree: string) => Promise<void>): Promise<void> {
  const mark = join(dirname(tree), PARTIAL);
  if (!existsSync(mark)) return;
  await unpack(tree);
  await rm(mark);
}
