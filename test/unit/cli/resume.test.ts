// SPDX-License-Identifier: MIT
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { lastValidation, rememberValidation, type LastValidation } from '../../../tools/run/last-validation.js';
import { validateCommand, type ValidateOptions } from '../../../tools/cli/validate.js';

const ONE: LastValidation = {
  changes: [{ name: 'a.patch', subject: 'mm: Do', diff: '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\xe9\n+2\n' }],
  cells: [
    { name: 'rollback', scenario: 'rollback', seed: 7 },
    { name: 'mine', scenario: './mine.yaml' },
  ],
  options: {
    matrix: './my.yaml',
    flavour: 'debug',
    jobs: 2,
    results: 'results',
    bisect: true,
    json: 'a.json',
    ktap: '-',
  },
};

t.test('a validation is remembered until it has come to its end, wherever it is gone on with', async (t) => {
  const cache = join(t.testdir({}), 'cache');
  t.equal(await lastValidation(cache), undefined);
  const forgetOne = await rememberValidation(cache, ONE);
  t.same(await lastValidation(cache), {
    ...ONE,
    cells: [ONE.cells[0], { name: 'mine', scenario: resolve('mine.yaml') }],
    options: { ...ONE.options, results: resolve('results'), json: resolve('a.json') },
  });
  const two = { ...ONE, options: { matrix: 'quick', flavour: 'release' } as const };
  const forgetTwo = await rememberValidation(cache, two);
  await forgetOne?.();
  t.match(await lastValidation(cache), { options: two.options }, 'the end of another one does not forget it');
  await forgetTwo?.();
  t.equal(await lastValidation(cache), undefined);
});

t.test('what another version has left, and a cache that cannot be written, are no errors', async (t) => {
  const dir = t.testdir({ file: '' });
  t.equal(await rememberValidation(join(dir, 'file'), ONE), undefined);
  await rememberValidation(dir, ONE);
  const [name = ''] = readdirSync(join(dir, 'remembered'));
  for (const text of ['{', '{}', JSON.stringify({ ...ONE, changes: [{ name: 'a.patch' }] })]) {
    writeFileSync(join(dir, 'remembered', name), text);
    t.equal(await lastValidation(dir), undefined, text);
  }
});

t.test('what cannot be gone on with', async (t) => {
  const before = process.env['SNAPBACK_CACHE'];
  process.env['SNAPBACK_CACHE'] = t.testdir({});
  t.teardown(() => {
    if (before === undefined) delete process.env['SNAPBACK_CACHE'];
    else process.env['SNAPBACK_CACHE'] = before;
  });
  const refused = (options: ValidateOptions, message: RegExp): Promise<unknown> =>
    t.rejects(
      validateCommand({ resume: true, ...options }, { signal: new AbortController().signal, done: () => undefined }),
      { name: 'InputError', message, remedy: /\S/ },
    );
  await refused({}, /^there is no validation to go on with/);
  await refused({ patches: ['a.patch'] }, /^--resume and --patches do not go together/);
  await refused({ matrix: 'quick' }, /^--resume and --matrix do not go together/);
  await refused({ b4: true }, /^--resume is for people/);
  await refused({ bisectExit: true }, /^--resume is for people/);
});
