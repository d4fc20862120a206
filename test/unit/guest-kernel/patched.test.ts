// SPDX-License-Identifier: MIT
/** Patches on a tree of a few files, with real git; and mails with patches. */
import { existsSync, rmSync } from 'node:fs';
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { InputError } from '../../../emulator/machine/errors.js';
import { warningsIn } from '../../../emulator/validate/compiler.js';
import { readChanges, type Change } from '../../../guest-kernel/patch-mail.js';
import { applyChanges, goToSeries, openPatchedTree } from '../../../guest-kernel/patched-tree.js';
import { gitIn, type Patch } from '../../../guest-kernel/series.js';
import { withWarnings } from '../../../guest-kernel/warnings.js';

const context: BuildContext = {
  cacheDir: '/nonexistent',
  progress: () => undefined,
  signal: new AbortController().signal,
};

/** As the tree of a build: git knows the files that the series touches, which are none, and no others. */
async function tree(t: Test): Promise<string> {
  const dir = join(t.testdir({}), 'linux');
  await mkdir(join(dir, 'mm'), { recursive: true });
  await writeFile(join(dir, 'mm/a.c'), 'one\ntwo\nthree\n');
  await writeFile(join(dir, 'mm/b.c'), 'one\n');
  await writeFile(join(dir, 'mm/a.o'), 'object');
  await openPatchedTree(dir, context);
  return dir;
}

const change = (name: string, diff: string): Change => ({ name, subject: '', diff });
const TWO = change('two.patch', '--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n');
const NEW = change('new.patch', '--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+new\n');

test('going from one set of patches to another touches only what differs', async (t) => {
  const dir = await tree(t);
  const old = new Date('2026-01-01');
  for (const file of ['mm/a.c', 'mm/b.c']) await utimes(join(dir, file), old, old);
  const isOld = async (file: string): Promise<boolean> => (await stat(join(dir, file))).mtimeMs === old.getTime();

  await applyChanges(dir, [TWO, NEW], context);
  t.equal(await readFile(join(dir, 'mm/a.c'), 'utf8'), 'one\n2\nthree\n');
  t.equal(await readFile(join(dir, 'mm/new.c'), 'utf8'), 'new\n');
  t.equal(await isOld('mm/b.c'), true);
  t.equal(await isOld('mm/a.c'), false);

  await utimes(join(dir, 'mm/a.c'), old, old);
  await applyChanges(dir, [TWO], context);
  t.equal(existsSync(join(dir, 'mm/new.c')), false);
  await applyChanges(dir, [], context);
  t.equal(await readFile(join(dir, 'mm/a.c'), 'utf8'), 'one\ntwo\nthree\n');
  t.equal(existsSync(join(dir, 'mm/a.o')), true, 'what has been compiled stays');
  await applyChanges(dir, [TWO], context);
  t.equal(await readFile(join(dir, 'mm/a.c'), 'utf8'), 'one\n2\nthree\n');
});

/** A patch of a series. */
const patch = (subject: string, file: string, diff: string): Patch => ({
  file: `${subject}.patch`,
  text: `From: A <a@b.c>\nSubject: [PATCH] ${subject}\n\n---\ndiff --git a/${file} b/${file}\n${diff}`,
});

test('going from one series to another touches only what differs, too', async (t) => {
  const dir = await tree(t);
  const series = async (...patches: readonly Patch[]): Promise<void> =>
    goToSeries(dir, patches, t.testdirName, context);
  const content = async (file: string): Promise<string> => readFile(join(dir, file), 'utf8');
  const time = async (): Promise<number> => (await stat(join(dir, 'mm/a.c'))).mtimeMs;
  const [a, b, made] = [
    patch('a', 'mm/a.c', TWO.diff),
    patch('b', 'mm/b.c', '--- a/mm/b.c\n+++ b/mm/b.c\n@@ -1 +1 @@\n-one\n+b\n'),
    patch('made', 'mm/made.c', `new file mode 100644\n${NEW.diff}`.replace('new.c', 'made.c')),
  ];

  await series(a, made);
  t.same([await content('mm/a.c'), await content('mm/made.c')], ['one\n2\nthree\n', 'new\n']);
  await applyChanges(dir, [NEW, change('b.patch', '--- a/mm/b.c\n+++ b/mm/b.c\n@@ -1 +1 @@\n-one\n+mine\n')], context);
  t.equal(await content('mm/b.c'), 'mine\n');

  const before = await time();
  await series(a, b);
  t.same([await content('mm/b.c'), await time()], ['b\n', before], 'the new series, on the pristine source');
  t.same([existsSync(join(dir, 'mm/new.c')), existsSync(join(dir, 'mm/made.c'))], [false, false]);
  await t.rejects(
    applyChanges(dir, [change('b.patch', '--- a/mm/b.c\n+++ b/mm/b.c\n@@ -1 +1 @@\n-one\n+mine\n')], context),
    { message: /^b\.patch does not apply: mm\/b\.c/ },
  );
  await t.rejects(series(a, a), { message: /a\.patch does not apply/ });
  await series(a, b);
  t.same([await content('mm/a.c'), await content('mm/b.c')], ['one\n2\nthree\n', 'b\n'], 'as good as before');
  t.equal(await time(), before);
  await series();
  t.same([await content('mm/a.c'), await content('mm/b.c')], ['one\ntwo\nthree\n', 'one\n']);
});

test('what an interrupted run has left is no conflict', async (t) => {
  const dir = await tree(t);
  await applyChanges(dir, [TWO, NEW], context);
  // As if it had been killed before git knew of the file.
  await gitIn(dir, context)(['reset', '-q', '--hard', 'series']);
  await writeFile(join(dir, 'mm/new.c'), 'ne');
  await writeFile(join(dir, 'mm/a.c'), 'half');
  await applyChanges(dir, [NEW], context);
  t.equal(await readFile(join(dir, 'mm/new.c'), 'utf8'), 'new\n');
  t.equal(await readFile(join(dir, 'mm/a.c'), 'utf8'), 'one\ntwo\nthree\n');
});

test('a patch that does not apply is named, with file and line', async (t) => {
  const dir = await tree(t);
  const refused = async (changes: readonly Change[], message: RegExp, remedy: RegExp): Promise<void> => {
    const error = await applyChanges(dir, changes, context).catch((caught: unknown) => caught);
    t.ok(error instanceof InputError);
    t.match(error, { message, remedy });
  };
  const other = change('other.patch', TWO.diff.replace('-two', '-zwei'));
  await refused([NEW, other], /^other\.patch does not apply: mm\/a\.c, line 1: the tree has other lines/, /^rebase it/);
  await refused(
    [change('gone.patch', TWO.diff.replaceAll('mm/a.c', 'mm/gone.c'))],
    /^gone\.patch does not apply: mm\/gone\.c: the tree has no such file/,
    /^rebase it/,
  );
  await refused(
    [TWO, change('again.patch', TWO.diff)],
    /^again\.patch does not apply: mm\/a\.c, line 1/,
    /^leave the patch out/,
  );
  await refused(
    [NEW, change('again.patch', NEW.diff)],
    /mm\/new\.c: the patch makes this file/,
    /^leave the patch out/,
  );
  await refused(
    [change('out.patch', NEW.diff.replace('b/mm', 'b/../../mm'))],
    /^out\.patch does not apply: /,
    /^rebase it/,
  );
  t.equal(existsSync(join(dir, '../../mm/new.c')), false);
  await applyChanges(dir, [TWO], context);
  t.equal(await readFile(join(dir, 'mm/a.c'), 'utf8'), 'one\n2\nthree\n', 'the tree is as good as before');
});

const mail = (subject: string, header: string, body: string): string =>
  `From a@b.c Thu Jan  1 00:00:00 1970\nFrom: A <a@b.c>\nSubject: ${subject}\n${header}\n${body}`;

test('patches are decoded from mails', async (t) => {
  const quoted = TWO.diff.replace('+2', '+x =3D 2 and a line that the mail prog=\nram has broken');
  const changes = await readChanges(
    [
      { name: 'cover', text: mail('[PATCH 0/2] all', '', 'nothing here\n') },
      { name: 'plain', text: mail('[PATCH 1/2] mm: Do', '', `why\n\n---\n mm/a.c | 2 +-\n\n${TWO.diff}`) },
      {
        name: 'quoted',
        text: mail('[PATCH 2/2] mm: Do', 'Content-Transfer-Encoding: quoted-printable\n', `why\n---\n${quoted}`),
      },
      { name: 'diff', text: NEW.diff },
    ],
    context,
  );
  t.same(
    changes.map(({ name, subject }) => [name, subject]),
    [
      ['plain', 'mm: Do'],
      ['quoted', 'mm: Do'],
      ['diff', ''],
    ],
  );
  t.same(
    changes.map(({ head }) => head),
    [
      'From: A <a@b.c>\nSubject: [PATCH] mm: Do\n\nwhy\n\n',
      'From: A <a@b.c>\nSubject: [PATCH] mm: Do\n\nwhy\n',
      undefined,
    ],
    'for checkpatch',
  );
  t.match(changes[1]?.diff, /^\+x = 2 and a line that the mail program has broken$/m);
});

test('what holds no patch is refused by name', async (t) => {
  await t.rejects(readChanges([{ name: 'text.patch', text: mail('[PATCH] x', '', 'no change\n') }], context), {
    message: 'text.patch holds no change of a file',
  });
  await t.rejects(readChanges([{ name: 'cover', text: mail('[PATCH 0/2] all', '', 'nothing\n') }], context), {
    message: /^there is no patch/,
  });
});

test('warnings are kept for what is not compiled again, also after a make that failed', async (t) => {
  const dir = join(t.testdir({ linux: { mm: { 'x.c': '', 'y.c': '' } } }), 'linux');
  const make = async (lines: readonly string[], error?: Error): Promise<readonly string[]> =>
    warningsIn(
      await withWarnings(dir, (onLine) => {
        lines.forEach(onLine);
        return error ? Promise.reject(error) : Promise.resolve();
      }),
    );
  const [x, y] = ['mm/x.c:1:1: warning: x', 'mm/y.c:1:1: warning: y'] as const;
  t.same(await make(['  CC      mm/x.o', x]), [x]);
  await t.rejects(make(['  CC      mm/y.o', y], new Error('interrupted')), { message: 'interrupted' });
  t.same(await make([]), [x, y]);
  t.same(await make(['  CC      mm/x.o']), [y], 'it has been mended');
  rmSync(join(dir, 'mm/y.c'));
  t.same(await make([]), [], 'the patch that made the file is gone');
});
