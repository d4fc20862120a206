// SPDX-License-Identifier: MIT
import t from 'tap';
import { b4Results, notJudged, renderB4, type B4Result } from '../../../emulator/validate/b4.js';
import type { Validation } from '../../../emulator/validate/validation.js';
import { compared, LOST, result, validation } from './validations.js';

const statuses = (one: Validation): readonly string[] => b4Results(one).map(({ tool, status }) => `${tool} ${status}`);
const cells = (one: Validation): B4Result | undefined => b4Results(one).find(({ tool }) => tool === 'snapback');

t.test('a broken cell fails, and says what was found', (t) => {
  const broken = validation([compared('one', result(), result([LOST])), compared('two', result(), result())]);
  t.same(statuses(broken), ['snapback-build pass', 'snapback fail']);
  t.equal(cells(broken)?.summary, 'matrix quick, 2 cells: 1 broken, 1 unchanged');
  t.match(cells(broken)?.details, /^ {2}one +broken\n +memory: 1 page[^]*replay: npx snapback run x\.yaml --seed 1$/);
  t.end();
});

t.test('nothing to say beyond a pass', (t) => {
  const good = validation([compared('one', result(), result())]);
  t.same(b4Results(good), [
    { tool: 'snapback-build', status: 'pass', summary: 'the kernel builds, with no warnings' },
    { tool: 'snapback', status: 'pass', summary: 'matrix quick, 1 cell: 1 unchanged' },
  ]);
  const before = validation([compared('one', result([LOST]), result([LOST]))]);
  t.same(statuses(before), ['snapback-build pass', 'snapback pass'], 'it failed before');
  t.end();
});

t.test('a series says how many patches it has, because its mail does not', (t) => {
  const one = validation([compared('one', result(), result())]);
  t.equal(
    cells({ ...one, patches: [...one.patches, ...one.patches] })?.summary,
    '2 patches, matrix quick, 1 cell: 1 unchanged',
  );
  t.end();
});

t.test('what a reviewer should look at is a warning', (t) => {
  const warned = validation([compared('one', result(), result())], { warnings: ['a.c:1: warning: w'] });
  t.match(b4Results(warned)[0], {
    status: 'warn',
    summary: 'the kernel builds, with 1 line of compiler',
    details: 'compiler: a.c:1: warning: w',
  });
  const untidy = validation([], {
    complaints: [{ tool: 'checkpatch', lines: ['0001-x.patch', '  ERROR:SPACING: s'] }],
  });
  t.match(b4Results(untidy)[0], {
    status: 'warn',
    summary: 'the kernel builds, with 2 lines of checkpatch',
    details: 'checkpatch: 0001-x.patch\ncheckpatch:   ERROR:SPACING: s',
  });
  const bytes = (before: number, now: number): Validation =>
    validation([compared('one', result([], { imageBytes: before }), result([], { imageBytes: now }))]);
  t.match(cells(bytes(1000, 1500)), { status: 'warn', details: /worse: bytes of the image/ });
  t.match(cells(bytes(1500, 1000)), { status: 'pass', details: /better: bytes of the image/ });
  const cut = validation([], { notRun: ['late'], ended: { reason: 'interrupted', details: ['why'] } });
  t.match(cells(cut), { status: 'warn', details: 'not run: late\ninterrupted\nwhy' });
  t.end();
});

t.test('no kernel: the compiler is quoted, and a host that failed is no word about the patches', (t) => {
  const { kernels: _, ...without } = validation([], { notRun: ['one'] });
  const failed: Validation = {
    ...without,
    verdict: 'does not build',
    buildFailure: { where: 'x.c, line 1: no', details: ['a', 'b'] },
  };
  t.same(b4Results(failed), [{ tool: 'snapback-build', status: 'fail', summary: 'x.c, line 1: no', details: 'a\nb' }]);
  t.same(b4Results({ ...without, ended: { reason: 'the disk is full\nreally', details: ['because'] } }), [
    { tool: 'snapback', status: 'warn', summary: 'not judged: the disk is full', details: 'really\nbecause' },
  ]);
  t.end();
});

t.test('as b4 reads it: a list', (t) => {
  t.equal(renderB4([]), '[]\n');
  t.match(JSON.parse(renderB4([notJudged({ reason: 'x', details: [] })])), [{ tool: 'snapback', status: 'warn' }]);
  t.end();
});
