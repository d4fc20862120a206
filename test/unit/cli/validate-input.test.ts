// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import type { PatchText } from '../../../emulator/validate/patch-text.js';
import { readCommits, readPatchTexts } from '../../../tools/cli/validate-input.js';

const context = { signal: new AbortController().signal };
const DIFF = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n';
const mail = (subject: string): string => `From a@b.c Thu Jan  1 00:00:00 1970\nSubject: ${subject}\n\n${DIFF}\n`;
const names = async (...given: string[]): Promise<readonly string[]> =>
  (await readPatchTexts(given)).map(({ name }) => name);

t.test('files, folders and mailboxes, in their order', async (t) => {
  const dir = t.testdir({
    'one.diff': DIFF,
    'two.mbox': mail('a') + mail('b'),
    folder: { '0002-b.patch': mail('b'), '0001-a.patch': mail('a'), notes: 'no patch' },
    empty: {},
    nothing: '\n',
  });
  const at = (name: string): string => join(dir, name);
  t.same(await names(at('two.mbox'), at('folder'), at('one.diff')), [
    'two.mbox, mail 1 of 2',
    'two.mbox, mail 2 of 2',
    '0001-a.patch',
    '0002-b.patch',
    'one.diff',
  ]);
  writeFileSync(at('latin1.diff'), Buffer.from('+\xe9\n', 'latin1'));
  t.equal((await readPatchTexts([at('latin1.diff')]))[0]?.text, '+\xe9\n', 'each byte is kept');
  for (const name of ['empty', 'nothing'])
    await t.rejects(names(at(name)), { message: `there is no patch in ${at(name)}` });
  await t.rejects(names(at('absent')), { message: /^cannot read the patches .*absent: ENOENT/ });
  await t.rejects(names('/dev/zero'), { message: /\/dev\/zero: it is a device$/ });
});

t.test('standard input, where it is named', async (t) => {
  const dir = t.testdir({ 'one.diff': DIFF });
  /** It comes in pieces, as from a pipe. */
  const read = async (text: string | Buffer, ...given: string[]): Promise<readonly PatchText[]> => {
    const bytes = Buffer.from(text);
    return readPatchTexts(given, Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]));
  };
  t.same(await read(DIFF, '-'), [{ name: 'standard input', text: DIFF }]);
  const mailbox = await read(mail('a') + mail('b'), '-', join(dir, 'one.diff'));
  t.same(
    mailbox.map(({ name }) => name),
    ['standard input, mail 1 of 2', 'standard input, mail 2 of 2', 'one.diff'],
  );
  t.match(mailbox[1]?.text, /^Subject: b$/m);
  t.same(
    (await read(mail('a'), join(dir, 'one.diff'), '-')).map(({ name }) => name),
    ['one.diff', 'standard input'],
  );
  t.equal((await read(Buffer.from('+12345\xe9\n', 'latin1'), '-'))[0]?.text, '+12345\xe9\n', 'each byte is kept');
  for (const empty of ['', '\n'])
    await t.rejects(read(empty, '-'), { name: 'InputError', message: 'there is no patch in standard input' });
  await t.rejects(read(DIFF, '-', '-'), { message: 'there is no patch in standard input' }, 'it can be read once');
});

t.test('commits of a tree, the oldest first', async (t) => {
  const dir = t.testdir({ x: '0\n' });
  const git = (...args: string[]): unknown =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=A', '-c', 'user.email=a@b.c', ...args], { stdio: 'pipe' });
  git('init', '-q');
  for (const content of ['1', '2', '3']) {
    writeFileSync(join(dir, 'x'), `${content}\n`);
    git('add', 'x');
    git('commit', '-q', '-m', `to ${content}`);
  }
  const commits = await readCommits(dir, 'HEAD~2..HEAD', context);
  t.same(
    commits.map(({ name }) => name),
    ['0001-to-2.patch', '0002-to-3.patch'],
  );
  t.match(commits[1]?.text, /^-2\n\+3$/m);
  await t.rejects(readCommits(dir, 'HEAD', context), { message: /names no range/ });
  await t.rejects(readCommits(dir, '--all..', context), { message: /names no range/ });
  await t.rejects(readCommits(dir, 'HEAD..HEAD', context), { message: /^there are no commits/ });
  await t.rejects(readCommits(dir, 'none..HEAD', context), { message: /^cannot read the commits none\.\.HEAD of / });
  await t.rejects(readCommits(join(dir, 'absent'), 'a..b', context), { message: /^cannot read the commits/ });
});
