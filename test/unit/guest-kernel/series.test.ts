// SPDX-License-Identifier: MIT
/** The series against a kernel of three files, with real git. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import {
  BASE_TAG,
  changesOf,
  checkOrder,
  exportSeries,
  openTree,
  readSeries,
  regenerateSeries,
  touchedFiles,
} from '../../../guest-kernel/series.js';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';

const context: BuildContext = {
  cacheDir: '/nonexistent',
  progress: () => undefined,
  signal: new AbortController().signal,
};
const LINES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

interface Fake {
  readonly tree: string;
  readonly patches: string;
  readonly git: (...args: string[]) => string;
}

/** A pristine tree, opened with no patches. */
async function fakeTree(t: Test): Promise<Fake> {
  const dir = t.testdir({});
  const fake = {
    tree: join(dir, 'tree'),
    patches: join(dir, 'patches'),
    git: (...args: string[]) => gitIn(join(dir, 'tree'), args),
  };
  await writePristine(fake.tree);
  await mkdir(fake.patches);
  await openTree(fake.tree, [], context, { whole: true });
  return fake;
}

async function writePristine(tree: string): Promise<void> {
  await mkdir(join(tree, 'kernel'), { recursive: true });
  await writeFile(join(tree, 'Makefile'), 'VERSION = 6\n');
  await writeFile(join(tree, 'kernel/power.c'), `${LINES.join('\n')}\n`);
  await writeFile(join(tree, 'kernel/sys.c'), 'int sys;\n');
}

function gitIn(tree: string, args: readonly string[]): string {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_DATE: '2026-01-02T03:04:05Z',
    GIT_COMMITTER_DATE: '2030-01-01T00:00:00Z',
  };
  return execFileSync('git', args, { cwd: tree, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

async function commit(
  { tree, git }: Fake,
  subject: string,
  edit: (lines: string[]) => void,
  extra?: string,
): Promise<void> {
  const path = join(tree, 'kernel/power.c');
  const lines = (await readFile(path, 'utf8')).split('\n');
  edit(lines);
  await writeFile(path, lines.join('\n'));
  if (extra !== undefined) await writeFile(join(tree, extra), 'new\n');
  git('add', '-A');
  git('commit', '-q', '-s', '-m', subject);
}

async function contents(dir: string): Promise<Record<string, string>> {
  const files = (await readdir(dir)).sort();
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(dir, file), 'utf8')] as const)),
  );
}

test("commits become numbered patches, the rig's own from 0901", async (t) => {
  const fake = await fakeTree(t);
  await commit(
    fake,
    'freezer: Let writers freeze: a subject so long that git folds it over two lines of its header',
    (lines) => lines.splice(1, 1, 'TWO'),
  );
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(5, 1, 'SIX'), 'kernel/preserve.c');
  await commit(fake, 'rig: Add markers', (lines) => lines.splice(7, 0, 'marker'));
  const changed = await regenerateSeries(fake.tree, fake.patches, context);
  t.same(changed, [
    '0001-freezer-Let-writers-freeze-a-subject-so-long-that-gi.patch',
    '0002-mm-Preserve-pages.patch',
    '0901-rig-Add-markers.patch',
  ]);
  t.same(
    (await readSeries(fake.patches)).map(({ file }) => file),
    changed,
  );
  const text = (await contents(fake.patches))['0002-mm-Preserve-pages.patch'] ?? '';
  t.match(
    text,
    /^From 0{40} Mon Sep 17 00:00:00 2001\nFrom: Snapback maintainers <maintainers@snapback\.invalid>\nDate: Fri, 2 Jan 2026 03:04:05 \+0000\nSubject: \[PATCH\] mm: Preserve pages\n/,
  );
  t.same(touchedFiles(text), ['kernel/power.c', 'kernel/preserve.c']);
});

test('a series that nobody changed regenerates byte for byte, from a tree opened anew', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(1, 1, 'TWO'), 'kernel/preserve.c');
  await commit(fake, 'rig: Add markers', (lines) => lines.splice(6, 0, 'marker'));
  await regenerateSeries(fake.tree, fake.patches, context);
  const first = await contents(fake.patches);
  const tree = `${fake.tree}-again`;
  await writePristine(tree);
  await openTree(tree, await readSeries(fake.patches), context, { whole: true });
  t.same(await regenerateSeries(tree, fake.patches, context), []);
  t.same(await contents(fake.patches), first);
});

test('a tree for building alone gets the same content', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(1, 1, 'TWO'), 'kernel/preserve.c');
  const tree = `${fake.tree}-build`;
  await writePristine(tree);
  await openTree(tree, await exportSeries(fake.tree, context), context, { whole: false });
  t.equal(await readFile(join(tree, 'kernel/power.c'), 'utf8'), 'one\nTWO\nthree\nfour\nfive\nsix\nseven\neight\n');
  t.equal(await readFile(join(tree, 'kernel/preserve.c'), 'utf8'), 'new\n');
});

test('a commit that was amended changes its own patch, one that went takes its patch along', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(1, 1, 'TWO'));
  await commit(fake, 'block: Redirect', (lines) => lines.splice(6, 1, 'SEVEN'));
  await regenerateSeries(fake.tree, fake.patches, context);
  fake.git('commit', '--amend', '-q', '-m', 'block: Redirect bios');
  t.same(await regenerateSeries(fake.tree, fake.patches, context), [
    '0002-block-Redirect-bios.patch',
    '0002-block-Redirect.patch',
  ]);
  fake.git('reset', '-q', '--hard', 'HEAD~1');
  t.same(await regenerateSeries(fake.tree, fake.patches, context), ['0002-block-Redirect-bios.patch']);
  t.same(Object.keys(await contents(fake.patches)), ['0001-mm-Preserve-pages.patch']);
});

test('work that no commit holds, and a rig patch that is not last, stop the export', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'rig: Add markers', (lines) => lines.splice(1, 1, 'TWO'));
  await writeFile(join(fake.tree, 'kernel/sys.c'), 'int changed;\n');
  await t.rejects(exportSeries(fake.tree, context), { name: 'RigError', message: /kernel\/sys\.c/ });
  fake.git('checkout', '-q', 'kernel/sys.c');
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(6, 1, 'SEVEN'));
  await t.rejects(exportSeries(fake.tree, context), { name: 'RigError', message: /"mm: Preserve pages" comes after/ });
});

test('a file that is new and not committed stops the export too', async (t) => {
  const fake = await fakeTree(t);
  await writeFile(join(fake.tree, 'kernel/forgotten.c'), 'int forgotten;\n');
  await t.rejects(exportSeries(fake.tree, context), { name: 'RigError', message: /kernel\/forgotten\.c/ });
});

test('a patch that does not apply is named', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'mm: Preserve pages', (lines) => lines.splice(1, 1, 'TWO'));
  const patches = await exportSeries(fake.tree, context);
  const tree = join(t.testdirName, 'other');
  await writePristine(tree);
  await writeFile(join(tree, 'kernel/power.c'), 'something else\n');
  await t.rejects(openTree(tree, patches, context, { whole: false }), {
    name: 'RigError',
    message: /0001-mm-Preserve-pages\.patch does not apply/,
  });
  t.equal(gitIn(tree, ['log', '-1', '--format=%D']).includes(BASE_TAG), true, 'nothing was applied');
});

test('of several patches the one is named that does not apply', async (t) => {
  const fake = await fakeTree(t);
  await commit(fake, 'mm: Preserve pages', () => undefined, 'kernel/preserve.c');
  await commit(fake, 'block: Redirect', (lines) => lines.splice(1, 1, 'TWO'));
  await commit(fake, 'rig: Add markers', () => undefined, 'kernel/markers.c');
  const patches = await exportSeries(fake.tree, context);
  const tree = join(t.testdirName, 'other');
  await writePristine(tree);
  await writeFile(join(tree, 'kernel/power.c'), 'something else\n');
  await t.rejects(openTree(tree, patches, context, { whole: true }), {
    name: 'RigError',
    message: /^guest-kernel\/patches\/0002-block-Redirect\.patch does not apply: [^]*kernel\/power\.c/,
  });
  t.equal(gitIn(tree, ['log', '-1', '--format=%s']), 'mm: Preserve pages\n', 'those before it are applied');
});

test('numbers without gaps', async (t) => {
  const patch = (file: string, subject: string) => ({ file, text: `From 0\nSubject: [PATCH] ${subject}\n\n---\n` });
  t.doesNotThrow(() =>
    checkOrder([patch('0001-a.patch', 'mm: a'), patch('0002-b.patch', 'mm: b'), patch('0901-c.patch', 'rig: c')]),
  );
  t.throws(() => checkOrder([patch('0001-a.patch', 'mm: a'), patch('0003-b.patch', 'mm: b')]), {
    message: /0003-b\.patch: the next patch must be number 0002/,
  });
  t.throws(() => checkOrder([patch('0001-c.patch', 'rig: c')]), {
    message: /the next "rig:" patch must be number 0901/,
  });
});

test("the project's own series is in order", async (t) => {
  const patches = await readSeries(packagePath('guest-kernel', 'patches'));
  t.ok(patches.length > 0);
  for (const { file, text } of patches) {
    t.match(text, /^Signed-off-by: Snapback maintainers <maintainers@snapback\.invalid>$/m, file);
    t.match(text, /^From 0{40} /, file);
  }
});

test('the message of a patch is not among its changes', (t) => {
  const diff = 'diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n';
  t.equal(changesOf(`Subject: [PATCH] one\n\nWhy.\n---\n a | 2 +-\n\n${diff}`), diff);
  t.equal(changesOf(`Subject: [PATCH] two\n\n${diff}`), diff);
  t.equal(changesOf(diff), diff);
  t.end();
});
