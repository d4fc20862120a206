// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BASE_TAG, commitsOf, titleOf } from '../../../guest-kernel/series.js';
import { git, workTree } from '../../../guest-kernel/worktree.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';

const context: BuildContext = { cacheDir: '', progress: () => undefined, signal: new AbortController().signal };

/** A tree with the tag and two commits after it. */
function openedTree(t: Test): string {
  const tree = join(t.testdir({ linux: {} }), 'linux');
  const git = (...args: readonly string[]): void =>
    void execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@invalid', ...args], { cwd: tree });
  git('init', '-q');
  for (const [index, text] of ['as it came', 'first', 'second'].entries()) {
    writeFileSync(join(tree, 'file'), text);
    git('add', 'file');
    git('commit', '-q', '-m', `fs: ${text}`);
    if (index === 0) git('tag', BASE_TAG);
  }
  return tree;
}

t.test('commits of a series, the first patch first', async (t) => {
  const commits = await commitsOf(openedTree(t), context);
  t.same(
    commits.map((commit) => titleOf(commit).replace(commit.id.slice(0, 12), 'ID')),
    ['ID fs: first', 'ID fs: second'],
  );
});

t.test('what git prints does not depend on what the user has configured', async (t) => {
  const tree = openedTree(t);
  const config = `${tree}.gitconfig`;
  writeFileSync(config, '[diff]\n\tnoprefix = true\n\texternal = false\n');
  const before = process.env['GIT_CONFIG_GLOBAL'];
  process.env['GIT_CONFIG_GLOBAL'] = config;
  t.teardown(() => {
    if (before === undefined) delete process.env['GIT_CONFIG_GLOBAL'];
    else process.env['GIT_CONFIG_GLOBAL'] = before;
  });
  t.match(await git(tree, ['diff', BASE_TAG, 'HEAD'], context), /^diff --git a\/file b\/file\n/);
});

t.test('a folder without a tree is not taken for a part of a tree around it', async (t) => {
  const inner = join(openedTree(t), 'inner');
  mkdirSync(inner);
  await t.rejects(git(inner, ['rev-parse', 'HEAD'], context), { message: /not a git repository/ });
});

t.test('a work tree has what the tag has, and is kept', async (t) => {
  const tree = openedTree(t);
  const source = await workTree(tree, `${tree}.each`, context);
  t.equal(readFileSync(join(source, 'file'), 'utf8'), 'as it came');
  writeFileSync(join(source, 'kept'), '');
  t.equal(await workTree(tree, `${tree}.each`, context), source);
  t.ok(existsSync(join(source, 'kept')));
});

t.test('a work tree is made anew when git has died over one', async (t) => {
  const tree = openedTree(t);
  const source = await workTree(tree, `${tree}.each`, context);
  execFileSync('git', ['worktree', 'lock', '--reason', 'initializing', source], { cwd: tree });
  rmSync(source, { recursive: true });
  t.equal(await workTree(tree, `${tree}.each`, context), source);
  t.equal(readFileSync(join(source, 'file'), 'utf8'), 'as it came');
});

t.test('what is left of a work tree that could not be made is taken away', async (t) => {
  const tree = openedTree(t);
  execFileSync('git', ['tag', '-d', BASE_TAG], { cwd: tree, stdio: 'ignore' });
  await t.rejects(workTree(tree, `${tree}.each`, context), { name: 'RigError', remedy: /open the tree anew/ });
  t.notOk(existsSync(join(`${tree}.each`, 'source')));
});
