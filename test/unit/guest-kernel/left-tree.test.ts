// SPDX-License-Identifier: MIT
/** The tree of a kernel becomes that of patches. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { obtain, type Recipe } from '../../../emulator/host/node/artifacts/store.js';
import type { KernelKind } from '../../../guest-kernel/build.js';
import { completeLeftTree, leavingTree } from '../../../guest-kernel/left-tree.js';
import { gitIn, openTree } from '../../../guest-kernel/series.js';

const contextOf = (t: Test): BuildContext => ({
  cacheDir: t.testdir({}),
  progress: () => undefined,
  signal: new AbortController().signal,
});

/** Stands for a kernel: a tree with one file, and what the compiler has said. */
const recipe = (name: string, context: BuildContext): Recipe => ({
  name,
  inputs: { builder: '1', environment: '{}', source: 'one', tools: 'two' },
  build: async (dir, _scratch, _inner, kept) => {
    const tree = await kept.folder('linux', async (fresh) => {
      await writeFile(join(fresh, 'Makefile'), name);
      await openTree(fresh, [], context, { whole: true });
    });
    await writeFile(join(tree, '..', 'warnings.json'), '{}');
    await writeFile(join(dir, 'bzImage'), 'kernel');
  },
});

/** The folders of trees for patches in the cache. */
const left = async ({ cacheDir }: BuildContext): Promise<readonly string[]> =>
  (await readdir(cacheDir)).filter((name) => name.startsWith('validation-') && name.endsWith('.kept'));

const RELEASE: KernelKind = { flavour: 'release', arch: 'i386' };

test('the tree of a kernel is there for patches, with the series in it', async (t) => {
  const context = contextOf(t);
  const { dir } = await obtain(leavingTree(RELEASE, recipe('first', context)), context);
  t.ok(existsSync(join(dir, 'bzImage')));
  const [home = ''] = await left(context);
  t.match(home, /^validation-i386-release-[0-9a-f]{20}\./);
  const beside = join(context.cacheDir, home);
  t.same((await readdir(beside)).sort(), ['linux', 'partial', 'series.sha256', 'warnings.json']);
  const tree = join(beside, 'linux');
  t.match((await gitIn(tree, context)(['tag'])).stdout, /^pristine\nseries$/m);

  let unpacked = 0;
  const unpack = async (): Promise<void> => {
    unpacked += 1;
    await mkdir(join(tree, 'sound'));
  };
  await completeLeftTree(tree, unpack);
  await completeLeftTree(tree, unpack);
  t.equal(unpacked, 1, 'what no kernel needs comes with the first patch');

  // That of the next kernel takes its place.
  await obtain(leavingTree(RELEASE, recipe('second', context)), context);
  t.same(await left(context), [home]);
  t.equal(await readFile(join(tree, 'Makefile'), 'utf8'), 'second');
  t.ok(existsSync(join(beside, 'partial')));
});

test('other kernels leave no tree', async (t) => {
  const context = contextOf(t);
  await obtain(leavingTree({ flavour: 'debug', arch: 'i386' }, recipe('debug', context)), context);
  await obtain(leavingTree({ flavour: 'release', arch: 'x86_64' }, recipe('other', context)), context);
  t.same(await left(context), []);
});
