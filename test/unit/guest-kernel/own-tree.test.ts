// SPDX-License-Identifier: MIT
/** Git trees of kernels that a user has, with real git. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { addedTo, goTo, openCopy, readOwnTree } from '../../../guest-kernel/own-tree.js';
import { gitIn, type Patch } from '../../../guest-kernel/series.js';

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

test('what the rig adds: the patches of its own, or nothing', async (t) => {
  const files = async (base: 'series' | 'pristine', isMarked: boolean): Promise<readonly string[]> =>
    (await addedTo({ base, isMarked })).map(({ file }) => file);
  const [series, pristine] = [await files('series', false), await files('pristine', false)];
  t.ok(pristine.length > 0 && pristine.length < series.length);
  for (const file of [...series, ...pristine]) t.match(file, /^09\d\d-rig-/);
  t.same([await files('series', true), await files('pristine', true)], [[], []], 'the tree has it all');
});

/** In the place of the rig's patches: one changes a file of {@link tree}, the other makes a file. */
const MARK: Patch = {
  file: '0901-rig-mark.patch',
  text: `From: A <a@b.c>
Subject: [PATCH] rig: Mark

---
diff --git a/Makefile b/Makefile
--- a/Makefile
+++ b/Makefile
@@ -1,4 +1,4 @@
 VERSION = 6
-PATCHLEVEL = 13
+PATCHLEVEL = 13 # marked
 SUBLEVEL = 4
 EXTRAVERSION =
`,
};
const MAKE: Patch = {
  file: '0902-rig-make.patch',
  text: `Subject: [PATCH] rig: Make

---
diff --git a/kernel/power/rig.c b/kernel/power/rig.c
new file mode 100644
--- /dev/null
+++ b/kernel/power/rig.c
@@ -0,0 +1 @@
+rig
`,
};

/** A tree of a user, the folder for its copy, and how the copy goes to the commit that is checked out in the tree. */
async function copied(t: Test): Promise<{
  readonly dir: string;
  readonly copy: string;
  readonly git: ReturnType<typeof gitIn>;
  readonly go: (...added: readonly Patch[]) => Promise<void>;
}> {
  const dir = await tree(t, ['HIBERNATION']);
  const copy = join(dir, '..', 'copy');
  await mkdir(copy);
  await openCopy(copy, context);
  const git = gitIn(dir, context);
  return {
    dir,
    copy,
    git,
    go: async (...added) => goTo(copy, (await readOwnTree(dir, context)).tree, added, context),
  };
}

const content = (dir: string, file: string): Promise<string> => readFile(join(dir, file), 'utf8');

test('the rig adds its patches to a copy, and the tree of the user stays as it is', async (t) => {
  const { dir, copy, git, go } = await copied(t);
  const before = await content(dir, 'Makefile');
  await go(MARK, MAKE);
  t.match(await content(copy, 'Makefile'), /^PATCHLEVEL = 13 # marked$/m);
  t.equal(await content(copy, 'kernel/power/rig.c'), 'rig\n');
  t.equal(await content(dir, 'Makefile'), before);
  t.equal(existsSync(join(dir, 'kernel/power/rig.c')), false);
  t.equal((await git(['status', '--porcelain'])).stdout, '');
});

test('the copy goes to the next commit, and files that stay the same keep their time', async (t) => {
  const { dir, copy, git, go } = await copied(t);
  await go(MARK, MAKE);
  const time = async (): Promise<number> => (await stat(join(copy, 'kernel/power/Kconfig'))).mtimeMs;
  const before = await time();
  await writeFile(join(copy, 'kernel/power/left.c'), 'of an interrupted run');
  await writeFile(join(dir, 'mine.c'), 'mine\n');
  await git(['add', '-A']);
  await git(['commit', '-q', '-m', 'PM: Do more']);
  await go(MARK);
  t.equal(await content(copy, 'mine.c'), 'mine\n');
  t.match(await content(copy, 'Makefile'), /# marked$/m, 'a patch that the copy had is no conflict');
  t.same(
    ['kernel/power/rig.c', 'kernel/power/left.c'].filter((file) => existsSync(join(copy, file))),
    [],
    'what is not of this commit and these patches is gone',
  );
  t.equal(await time(), before);
});

test('a patch of the rig that does not apply is named, with file and line', async (t) => {
  const { dir, copy, git, go } = await copied(t);
  const commit = async (file: string, text: string): Promise<void> => {
    await writeFile(join(dir, file), text);
    await git(['add', '-A']);
    await git(['commit', '-q', '-m', 'PM: Do other things']);
  };
  const refused = (message: RegExp): Promise<unknown> =>
    t.rejects(go(MARK, MAKE), { name: 'InputError', message, remedy: /by hand where they conflict/ });
  const makefile = await content(dir, 'Makefile');

  await commit('Makefile', makefile.replace('= 13', '= 14'));
  await refused(
    /^the rig's patch 0901-rig-mark\.patch does not apply to .*my-linux: Makefile, line 1: the tree has other/,
  );
  await commit('Makefile', makefile.replace('= 13', '= 13 # marked'));
  await refused(/^the rig's patch 0901-rig-mark\.patch does not apply .*: Makefile, line 1: /);
  await commit('Makefile', makefile);
  await commit('kernel/power/rig.c', 'rig\n');
  await refused(
    /^the rig's patch 0902-rig-make\.patch .*: kernel\/power\/rig\.c: the patch makes this file, and the tree/,
  );

  await git(['rm', '-q', 'kernel/power/rig.c']);
  await git(['commit', '-q', '-m', 'PM: Do without']);
  await go(MARK, MAKE);
  t.equal(await content(copy, 'kernel/power/rig.c'), 'rig\n', 'the copy is as good as before');
});
