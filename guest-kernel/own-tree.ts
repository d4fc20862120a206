// SPDX-License-Identifier: MIT
/**
 * Kernels of a git tree that a user has, whatever is in it. What the rig needs of a kernel is added in a copy, which is kept, so that only what
 * differs from the tree's last version is compiled.
 */
import { basename, resolve } from 'node:path';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { obtain, type Recipe } from '../emulator/host/node/artifacts/store.js';
import { command } from '../emulator/host/node/process.js';
import { InputError } from '../emulator/machine/errors.js';
import { conflictIn } from '../emulator/validate/patch-text.js';
import { kernelRecipe, patchesOf, type KernelKind } from './build.js';
import type { Change, KernelTree } from './patch-mail.js';
import { buildInto, inKeptTree, patchedArtifact, type PatchedKernel } from './kept-build.js';
import { changesOf, gitIn, ISOLATED, isRigPatch, type Patch } from './series.js';
import { findSource } from './source.js';

/** The file in which the kernel's options of hibernation are. */
const OPTIONS = 'kernel/power/Kconfig';

/** A tree as what is validated. */
export type OwnTree = Change & { readonly tree: KernelTree };

/**
 * The commit that is checked out in the git tree `dir`.
 * @throws InputError when it is no kernel tree, or has changes that no commit holds.
 */
export async function readOwnTree(dir: string, context: Pick<BuildContext, 'signal'>): Promise<OwnTree> {
  const path = resolve(dir);
  const git = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await command('git', ['-C', path, ...args], context, {
      okStatuses: 'any',
      env: ISOLATED,
      remedy: 'install git',
    });
    if (status === 0) return stdout.trim();
    throw new InputError(`${dir} is no git tree of a kernel: ${stderr.trim().split('\n', 1)[0] ?? ''}`, {
      remedy: `name the folder of a tree with ${OPTIONS}, in which a commit is checked out`,
    });
  };
  const dirty = await git('status', '--porcelain', '--untracked-files=no');
  if (dirty !== '')
    throw new InputError(`${dir} has changes that no commit holds:\n${dirty}`, {
      remedy:
        'commit them, as what is built is a commit, or give them as a patch: git diff | snapback validate --patches -',
    });
  const [commit, contents, subject, options, makefile] = [
    await git('rev-parse', '--verify', 'HEAD^{commit}'),
    await git('rev-parse', 'HEAD^{tree}'),
    await git('log', '-1', '--format=%s'),
    await git('show', `HEAD:${OPTIONS}`),
    await git('show', 'HEAD:Makefile'),
  ];
  const numbers = ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map(
    (name) => new RegExp(`^${name} *= *(\\d+)$`, 'm').exec(makefile)?.[1] ?? '?',
  );
  const defines = (option: string): boolean => new RegExp(`^config ${option}$`, 'm').test(options);
  return {
    name: `${basename(path)} (${commit.slice(0, 12)})`,
    subject,
    diff: `tree ${contents}\n`,
    tree: {
      dir: path,
      commit,
      contents,
      base: defines('SNAPSHOT_SYSCALL') ? 'series' : 'pristine',
      isMarked: defines('RIG_MARKER'),
      version: numbers.join('.'),
    },
  };
}

/**
 * The kernel of a tree with what the rig needs, from the cache or built now.
 * @throws InputError that names the patch of the rig that does not apply, with file and line; PatchesDoNotBuild; RigError.
 */
export async function obtainTreeKernel(
  kind: KernelKind,
  own: KernelTree,
  context: BuildContext,
): Promise<PatchedKernel> {
  const recipe = await kernelRecipe(kind, await findSource(context), context);
  const { builder = '', environment = '', tools = '' } = recipe.inputs;
  const added = await addedTo(own);
  const inputs: Recipe['inputs'] = {
    ...Object.fromEntries(Object.entries(recipe.inputs).filter(([name]) => name.startsWith('config/'))),
    ...Object.fromEntries(added.map(({ file, text }) => [`patches/${file}`, changesOf(text)])),
    builder,
    environment,
    tools,
    contents: own.contents,
  };
  const identity = { name: `tree-${kind.arch}-${kind.flavour}`, inputs: { builder, environment, tools } };
  return patchedArtifact(
    await obtain(
      {
        name: `${recipe.name}-tree`,
        inputs,
        build: (dir, scratch, inner) =>
          inKeptTree(
            identity,
            scratch,
            inner,
            (fresh) => openCopy(fresh, inner),
            async (tree, lock) => {
              await goTo(tree, own, added, inner);
              await buildInto(dir, tree, kind, inner, lock);
            },
          ),
      },
      context,
    ),
  );
}

/** The patches that give a tree what the rig needs. None if it has that. */
export const addedTo = async ({ isMarked, base }: Pick<KernelTree, 'isMarked' | 'base'>): Promise<readonly Patch[]> =>
  isMarked ? [] : (await patchesOf(base)).filter(isRigPatch);

/** Makes the folder `tree` one that {@link goTo} takes from commit to commit. */
export async function openCopy(tree: string, context: BuildContext): Promise<void> {
  const git = gitIn(tree, context);
  await git(['init', '-q', '.']);
  await git(['config', 'core.fsync', 'none']);
  await git(['config', 'gc.auto', '0']);
}

/**
 * Makes `tree` that of the commit with the patches `added`. Files that stay the same, and that no patch touches, keep their time. The
 * tree of the user is only read.
 * @throws InputError that names the patch that does not apply, with file and line; RigError.
 */
export async function goTo(
  tree: string,
  { dir, commit }: Pick<KernelTree, 'dir' | 'commit'>,
  added: readonly Patch[],
  context: BuildContext,
): Promise<void> {
  const git = gitIn(tree, context, 'remove the copy with `snapback clean`; the next run makes another');
  context.progress(`copying the commit ${commit.slice(0, 12)} of ${dir}`);
  // By a URL, because git would copy the whole history of a path.
  await git(['fetch', '-q', '--depth=1', '--no-tags', `file://${dir}`, commit]);
  await git(['checkout', '-q', '-f', '--detach', 'FETCH_HEAD']);
  await git(['clean', '-q', '-f', '-d']);
  for (const { file, text } of added) {
    context.progress(`applying ${file}`);
    const { status, stderr } = await git(['apply', '--index', '--whitespace=nowarn', '-'], text, 'any');
    if (status !== 0)
      throw new InputError(`the rig's patch ${file} does not apply to ${dir}: ${conflictIn(stderr)}`, {
        remedy:
          "apply the rig's patches to the tree yourself, by hand where they conflict: guest-kernel/patches from 0901 on for a tree with snapshot(2), guest-kernel/pristine for one without",
      });
  }
}
