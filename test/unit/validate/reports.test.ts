// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { renderValidationJunit, renderValidationKtap } from '../../../emulator/validate/machine-readable.js';
import {
  renderBisected,
  renderCell,
  renderHead,
  renderSummary,
  renderVerdict,
} from '../../../emulator/validate/text.js';
import type { Validation } from '../../../emulator/validate/validation.js';
import { parseKtap, parseJunit } from '../report/readers.js';
import { compared, LOST, result, validation, WARNED } from './validations.js';

const MOVED = compared('moved', result([], { imageBytes: 1000 }), result([], { imageBytes: 1500 }));
const ALL = validation(
  [
    compared('broken', result(), result([LOST])),
    compared('fixed', result([WARNED]), result()),
    compared('before', result([LOST]), result([LOST])),
    MOVED,
  ],
  { notRun: ['late'] },
);
const NOT_BUILT = validation([], {
  verdict: 'does not build',
  buildFailure: { where: 'mm/x.c, line 3: no such thing', details: ['mm/x.c:3: error: no such thing'] },
  notRun: ['broken'],
});
/** It ended before there was a kernel. */
const { kernels: _, ...WITHOUT_KERNELS } = validation([], { notRun: ['late'] });
const ENDED: Validation = { ...WITHOUT_KERNELS, ended: { reason: 'interrupted', details: [] } };

const [PATCH = { name: '', subject: '' }] = ALL.patches;
const BISECTED = {
  cell: 'broken',
  suspects: [PATCH],
  skipped: [{ patch: { name: 'x', subject: '' }, why: 'the kernel does not build: x.c, line 1: no' }],
};

t.test('the JSON follows its schema', (t) => {
  const schema = JSON.parse(
    readFileSync(packagePath('emulator', 'validate', 'validation.schema.json'), 'utf8'),
  ) as object;
  const valid = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true }).compile(schema);
  for (const one of [ALL, NOT_BUILT, ENDED, validation([]), { ...ALL, bisected: [BISECTED] }])
    t.ok(valid(JSON.parse(JSON.stringify(one))), JSON.stringify(valid.errors));
  t.notOk(valid({ ...ALL, verdict: 'maybe' }));
  t.notOk(valid({ ...ALL, cells: [{ change: 'broken' }] }));
  t.notOk(valid({ ...ALL, more: 1 }));
  t.notOk(valid({ ...ALL, bisected: [{ ...BISECTED, suspects: [] }] }));
  t.end();
});

t.test('a cell says what was found, and how to see it again', (t) => {
  const [broken, fixed, before] = ALL.cells.map(renderCell);
  t.match(
    broken,
    /^ {2}broken +broken\n +memory: 1 page <differs> # here\n +pfn 0x12\n[^]*replay: npx snapback run x\.yaml --seed 1$/,
  );
  t.match(fixed, /^ {2}fixed +fixed\n +it was kernelFault: warning$/);
  t.match(before, /^ {2}before +broken before\n +memory: /);
  t.match(renderCell(MOVED), /unchanged +worse: bytes of the image 1,000, now 1,500 \(\+50\.0 %\)$/);
  t.match(
    renderCell(compared('c', result([], { imageBytes: 1000 }), result([], { imageBytes: 1001 }))),
    /unchanged +all figures within their bounds$/,
  );
  t.match(renderCell(compared('a name of many letters', result(), result())), /^ {2}a name of many letters unchanged$/);
  t.match(renderHead(ALL), /^1 patch on Linux 6\.12\.117 .*\n {2}0001-x\.patch: PM: hibernation: Do something\n$/);
  t.match(renderHead({ ...ALL, patches: [...ALL.patches, ...ALL.patches] }), /^2 patches on/);
  t.end();
});

t.test('the verdict', (t) => {
  t.match(
    renderVerdict(ALL),
    /^\nBROKEN {2}4 cells: 1 broken, 1 fixed, 1 unchanged, 1 broken before\n {2}not run: late$/,
  );
  t.equal(
    renderVerdict(NOT_BUILT),
    '  | mm/x.c:3: error: no such thing\nDOES NOT BUILD  mm/x.c, line 3: no such thing',
  );
  t.match(renderVerdict(validation([MOVED])), /^\nNOT BROKEN {2}1 cell: 1 unchanged$/);
  t.match(
    renderVerdict(validation([MOVED], { warnings: ['a.c:1: warning: w'] })),
    /^ {2}compiler: a\.c:1: warning: w$/m,
  );
  t.match(renderVerdict(validation([], { notRun: ['x'] })), /UNFINISHED {2}0 cells: none was run/);
  t.end();
});

t.test('the patch that breaks a cell', (t) => {
  t.equal(
    renderBisected(BISECTED),
    '  broken is broken first by 0001-x.patch: PM: hibernation: Do something\n' +
      '    not judged with x: the kernel does not build: x.c, line 1: no',
  );
  t.match(
    renderBisected({ ...BISECTED, suspects: [PATCH, { name: 'y', subject: '' }], skipped: [] }),
    /broken first by one of these:\n {4}0001-x\.patch: PM: [^\n]+\n {4}y$/,
  );
  t.end();
});

t.test('the summary fits into a mail', (t) => {
  const many = validation(
    Array.from({ length: 20 }, (_, index) =>
      compared(`cell ${index}`, result(), result([{ ...LOST, what: 'x'.repeat(200) }])),
    ).concat(MOVED),
    {
      notRun: ['late'],
      warnings: ['a.c:1: warning: w'],
      complaints: [{ tool: 'sparse', lines: ['a.c:1: error: s', 'a.c:2: error: s'] }],
    },
  );
  t.match(renderSummary(many), /^ {2}1 line of compiler, 2 lines of sparse$/m);
  for (const one of [ALL, NOT_BUILT, many]) {
    const lines = renderSummary(one).split('\n').slice(0, -1);
    t.ok(lines.length <= 10, `${lines.length} lines`);
    t.ok(lines.every((line) => line.length <= 72));
  }
  t.match(
    renderSummary(validation([compared('c', result(), result([WARNED, LOST]))])),
    /c: broken: 1 page <differs>/,
    'a proof says more than the guest',
  );
  t.match(renderSummary(ALL), /broken: 4 cells: 1 broken/);
  t.match(renderSummary(NOT_BUILT), /does not build: mm\/x\.c, line 3/);
  t.end();
});

t.test('the summary of a good validation names the tester, as a trailer', (t) => {
  const tester = { name: 'A. Tester', mail: 'a@tester.example' };
  const good = validation([compared('c', result(), result())]);
  t.match(renderSummary(good, tester), /\nTested-by: A\. Tester <a@tester\.example>\n$/);
  t.notMatch(renderSummary(good), /Tested-by/, 'nobody is named');
  t.match(
    renderSummary(validation([compared('c', result([LOST]), result())]), tester),
    /\nTested-by: /,
    'it is mended',
  );
  for (const bad of [
    ALL,
    NOT_BUILT,
    ENDED,
    validation([]),
    validation([compared('c', result(), result())], { notRun: ['late'] }),
    validation([compared('c', result([LOST]), result([LOST]))]),
  ])
    t.notMatch(renderSummary(bad, tester), /Tested-by/);
  const full = validation([MOVED, compared('fixed', result([LOST]), result())], {
    warnings: ['a.c:1: warning: w'],
    kernels: Array.from({ length: 9 }, () => ({ flavour: 'release', base: 'ab'.repeat(32), patched: 'cd'.repeat(32) })),
  });
  const long = { name: 'x'.repeat(80), mail: 'a\n@b' };
  const lines = renderSummary(full, long).split('\n').slice(0, -1);
  t.equal(lines.length, 10);
  t.equal(lines.at(-1), `Tested-by: ${long.name} <a\\n@b>`, 'whole, and one line');
  t.end();
});

t.test('KTAP: nested, one test per cell', (t) => {
  const text = renderValidationKtap(ALL);
  const read = parseKtap(text);
  t.match(read, [{ ok: false, name: 'snapback validate' }]);
  t.same(
    [...text.matchAll(/^ {2}((?:not )?ok) (\d+) (.*)$/gm)].map(([, ok, number, name]) => [ok, Number(number), name]),
    [
      ['ok', 1, 'build'],
      ['not ok', 2, 'broken'],
      ['ok', 3, 'fixed'],
      ['ok', 4, 'before # SKIP it fails without the patches, too'],
      ['ok', 5, 'moved'],
      ['ok', 6, 'late # SKIP it was not run'],
    ],
  );
  t.match(text, /^ {2}1\.\.6$/m);
  t.match(renderValidationKtap(validation([MOVED])), /^ok 1 snapback validate$/m);
  t.match(renderValidationKtap(NOT_BUILT), /^ {2}not ok 1 build$/m);
  const ended = renderValidationKtap(ENDED);
  parseKtap(ended);
  t.match(ended, /^ {2}ok 1 build # SKIP it was not run$[^]*^ {2}# interrupted\n {2}not ok 3 run$[^]*^not ok 1 /m);
  t.match(
    renderValidationKtap(validation([MOVED], { warnings: ['a.c:1: warning: w'] })),
    /^ {2}# compiler: a\.c:1: warning: w\n {2}ok 1 build$/m,
  );
  t.end();
});

t.test('JUnit: counts are those of its cases', (t) => {
  const text = renderValidationJunit(ALL);
  parseJunit(text);
  t.match(text, /<testsuite name="snapback validate" tests="6" failures="1" errors="0" skipped="2"/);
  t.equal(text.match(/<testcase /g)?.length, 6);
  t.equal(text.match(/<failure /g)?.length, 1);
  t.equal(text.match(/<skipped /g)?.length, 2);
  t.match(text, /&lt;differs&gt;/);
  const ended = renderValidationJunit(ENDED);
  parseJunit(ended);
  t.match(ended, /tests="3" failures="0" errors="1" skipped="2"[^]*<error message="interrupted">/);
  t.end();
});
