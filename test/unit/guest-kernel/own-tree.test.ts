// SPDX-License-Identifier: MIT
/** Git trees of kernels that a user has, with real git. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { readOwnTree } from '../../../guest-kernel/own-tree.js';
import { gitIn } from '../../../guest-kernel/series.js';

const context: BuildContext = {
  cacheDir: '/nonexistent',
  progress: () => undefined,
  signal: new AbortController().signal,
};

/** A tree with these options of hibernation in its only commit. */
async function tree(t: Test, options: readonly string[]): Promise<string> {
  const dir = join(t.testdir({}), 'my-linux');
  await mkdir(join(dir, 'kernel/power'), { recursive: true });
  await writeFile(join(dir, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 13\nSUBLEVEL = 4\nEXTRAVERSION =\n');
  await writeFile(join(dir, 'kernel/power/Kconfig'), options.map((name) => `config ${name}\n\tbool "x"\n`).join('\n'));
  const git = gitIn(dir, context);
  await git(['init', '-q', '.']);
  await git(['add', '-A']);
  await git(['commit', '-q', '-m', 'PM: Do it']);
  return dir;
}

test('a tree tells what it is, and what the rig has to add', async (t) => {
  const dir = await tree(t, ['HIBERNATION']);
  t.match(await readOwnTree(dir, context), {
    name: /^my-linux \([0-9a-f]{12}\)$/,
    subject: 'PM: Do it',
    diff: /^tree [0-9a-f]{40}\n$/,
    tree: { dir, version: '6.13.4', base: 'pristine', isMarked: false },
  });
  t.match(await readOwnTree(await tree(t, ['HIBERNATION', 'SNAPSHOT_SYSCALL', 'RIG_MARKER']), context), {
    tree: { base: 'series', isMarked: true },
  });
});

test('what is no tree, or not all in a commit, is refused', async (t) => {
  const dir = await tree(t, ['HIBERNATION']);
  await writeFile(join(dir, 'Makefile'), 'VERSION = 7\n');
  await t.rejects(readOwnTree(dir, context), {
    message: /has changes that no commit holds:\nM Makefile/,
    remedy: /^commit/,
  });
  const none = t.testdir({ empty: {} });
  await t.rejects(readOwnTree(join(none, 'gone'), context), { message: /gone is no git tree of a kernel: / });
  await gitIn(join(none, 'empty'), context)(['init', '-q', '.']);
  await t.rejects(readOwnTree(join(none, 'empty'), context), { message: /empty is no git tree of a kernel: / });
});
