// SPDX-License-Identifier: MIT
/** What `snapback validate --b4` takes from b4: a mail, and for a series its commits, of a small tree with real git. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import { gitIn } from '../../../guest-kernel/series.js';
import { readB4Patches, TRACKING_FILE } from '../../../tools/cli/validate-b4.js';
import { validateCommand } from '../../../tools/cli/validate.js';

const context: BuildContext = {
  cacheDir: '/nonexistent',
  progress: () => undefined,
  signal: new AbortController().signal,
};
const DIFF = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n';
const mail = (subject: string, id: string, body = ''): string =>
  `From: A <a@b.c>\nSubject: ${subject}\nMessage-ID:\n <${id}>\n\n${body}\n`;
const COVER = mail('[PATCH v2 0/2] all', 'cover@b.c', 'why');
const FIRST = mail('[PATCH v2 1/2] one', 'first@b.c', DIFF);
const SECOND = mail('[PATCH v2 2/2] two', 'second@b.c', DIFF);

interface Reviewed {
  readonly dir: string;
  /** The commit that the series is for. */
  readonly base: string;
  /** The names of what is validated for a mail, when b4 knows `series`; undefined: it has named no file. */
  readonly read: (mail: string, series?: object) => Promise<readonly string[]>;
}

/** A tree with a series of two patches, and one that it needs before, as b4 has them: on a branch that is not checked out. */
async function reviewed(t: Test): Promise<Reviewed> {
  const dir = join(t.testdir({}), 'linux');
  mkdirSync(dir);
  const git = gitIn(dir, context);
  await git(['init', '-q', '-b', 'master', '.']);
  const commit = async (subject: string): Promise<void> => {
    writeFileSync(join(dir, 'x'), `${subject}\n`);
    await git(['add', 'x']);
    await git(['commit', '-q', '-m', subject]);
  };
  await commit('Base');
  const base = (await git(['rev-parse', 'HEAD'])).stdout.trim();
  await git(['checkout', '-q', '-b', 'b4/review/20260101-all-0123456789ab']);
  for (const subject of ['Needed', 'One', 'Two']) await commit(subject);
  await git(['commit', '-q', '--allow-empty', '-m', 'all: what b4 knows']);
  await git(['checkout', '-q', 'master']);
  await commit('Other work');
  return {
    dir,
    base,
    read: async (text, series) => {
      const file = join(dir, '..', 'tracking.json');
      if (series) writeFileSync(file, JSON.stringify({ series, patches: [] }));
      const env = series ? { [TRACKING_FILE]: file } : {};
      return (await readB4Patches({ input: Readable.from([Buffer.from(text)]), env, dir }, context)).map(
        ({ name }) => name,
      );
    },
  };
}

const COMMITS = ['0001-Needed.patch', '0002-One.patch', '0003-Two.patch'];
const ID = '20260101-all-0123456789ab';

t.test('a cover letter stands for the commits of its series', async (t) => {
  const { base, read } = await reviewed(t);
  const series = { 'base-commit': base, 'change-id': ID, 'header-info': { msgid: 'cover@b.c' } };
  t.same(await read(COVER, series), COMMITS);
  t.same(await read(FIRST, series), ['standard input'], 'a patch is judged alone');
  t.same(await read(SECOND, series), ['standard input']);
  t.same(await read(COVER, { ...series, 'header-info': undefined }), COMMITS, 'its number tells that it is one');
  t.same(await read(mail('=?utf-8?q?=5BPATCH_0/2=5D_all?=', 'cover@b.c'), series), COMMITS, 'its message id does, too');
});

t.test('the first patch stands for a series without a cover letter', async (t) => {
  const { base, read } = await reviewed(t);
  const series = { 'base-commit': base, 'change-id': ID, 'header-info': { msgid: 'first@b.c' } };
  t.same(await read(FIRST, series), COMMITS);
  t.same(await read(SECOND, series), ['standard input']);
  t.same(await read(FIRST), ['standard input'], 'not without a branch');
});

t.test('a series whose commits are not to be found is refused', async (t) => {
  const { base, read } = await reviewed(t);
  const refused = async (message: RegExp, series?: object): Promise<unknown> =>
    t.rejects(read(COVER, series), { name: 'InputError', message, remedy: /^check the series out in `b4 review`/ });
  const unknown = /^b4 does not tell where the commits of this series are$/;
  await refused(unknown);
  await refused(unknown, {});
  await refused(unknown, { 'base-commit': '--output=x', 'change-id': ID });
  await refused(unknown, { 'base-commit': base, 'change-id': `${ID}..master` });
  await refused(unknown, { 'base-commit': base, 'change-id': '--all' });
  await refused(/^cannot read the commits /, { 'base-commit': base, 'change-id': 'gone' });
  const other = { 'base-commit': base, 'change-id': ID, 'header-info': { msgid: 'v1-cover@b.c' } };
  await refused(/^the branch of b4 has another version of this series$/, other);
  await refused(/^cannot read the commits /, { 'base-commit': '0'.repeat(40), 'change-id': ID });
});

t.test('a mail that cannot be judged is answered, and what b4 reads is only that', async (t) => {
  const before = { cache: process.env['SNAPBACK_CACHE'], tracking: process.env[TRACKING_FILE] };
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin');
  t.teardown(() => {
    for (const [name, value] of [
      ['SNAPBACK_CACHE', before.cache],
      [TRACKING_FILE, before.tracking],
    ] as const)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    if (stdin) Object.defineProperty(process, 'stdin', stdin);
  });
  process.env['SNAPBACK_CACHE'] = t.testdir({});
  delete process.env[TRACKING_FILE];
  /** The exit status, or the name of the error; and what b4 reads. */
  const check = async (text: string): Promise<readonly [unknown, unknown]> => {
    Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(text)]) });
    const written = t.capture(process.stdout, 'write', () => true);
    const end = await validateCommand(
      { b4: true },
      { signal: new AbortController().signal, done: () => undefined },
    ).catch((error: unknown) => (error as Error).name);
    const texts = written().map(({ args: [one] }) => String(one));
    written.restore();
    return [end, JSON.parse(texts.join(''))];
  };
  t.same(await check(mail('Re: [PATCH v2 1/2] one', 'answer@b.c', 'no')), [0, []], 'an answer has no results');
  for (const [text, summary] of [
    [COVER, /^not judged: b4 does not tell where/],
    [mail('[PATCH] one', 'one@b.c', 'no change'), /^not judged: standard input holds no change of a file$/],
    ['', /^not judged: there is no patch in standard input$/],
  ] as const)
    t.match(await check(text), [
      'InputError',
      [{ tool: 'snapback', status: 'warn', summary, details: /what to do: / }],
    ]);
});
