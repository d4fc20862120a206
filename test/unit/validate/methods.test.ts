// SPDX-License-Identifier: MIT
import t from 'tap';
import type { Cell } from '../../../emulator/validate/cell.js';
import { compareCell, type CellComparison } from '../../../emulator/validate/compare.js';
import { METHOD_COLUMNS, methodRows } from '../../../emulator/validate/methods.js';
import { renderVerdict } from '../../../emulator/validate/text.js';
import { LOST, result, validation } from './validations.js';

const done = (cell: Partial<Cell>, ...[findings, figures]: Parameters<typeof result>): CellComparison =>
  compareCell({ name: `w, ${cell.method ?? ''}`, scenario: 'w', ...cell }, result(), result(findings, figures));
const BOTH = [
  done({ method: 'sys_snapshot' }, [], {
    standstillMs: 48,
    standstillInstructions: 23_000_000,
    imageBytes: 92_200_000,
  }),
  done({ method: 'swsusp' }, [LOST], { standstillMs: 2048, imagePages: 33_587, resumeInstructions: 900_000_000 }),
];

t.test('work by both methods has a row for each', (t) => {
  t.same(methodRows(BOTH), [
    { work: 'w', method: 'sys_snapshot', verdict: 'pass', values: ['48 ms', '23 M', '-', '92.2 MB', '-', '-'] },
    { work: 'w', method: 'swsusp', verdict: 'fail', values: ['2,048 ms', '-', '33,587', '-', '-', '900 M'] },
  ]);
  t.equal(METHOD_COLUMNS.length, 6);
  const orders = [
    ...BOTH,
    done({ method: 'sys_snapshot', freezeOrder: 'tasks-first', name: 'w, sys_snapshot, tasks first' }),
  ];
  t.same(
    methodRows(orders).map(({ work }) => work),
    ['w', 'w', 'w, tasks first'],
    'only one method has orders of freezing',
  );
  t.end();
});

t.test('other work, another machine, and one method alone are no comparison', (t) => {
  const rows = (...other: readonly Partial<Cell>[]): readonly unknown[] =>
    methodRows([...BOTH.slice(0, 1), ...other.map((one) => done(one))]);
  for (const other of [
    { scenario: 'x' },
    { seed: 2 },
    { memoryMiB: 128 },
    { flavour: 'debug' },
    { parameters: { filesystem: 'xfs' } },
  ] as const)
    t.same(rows({ method: 'swsusp', ...other }), [], JSON.stringify(other));
  t.same(rows({}), [], 'a scenario of which nobody asked for a method');
  t.equal(rows({ method: 'swsusp' }).length, 2);
  t.end();
});

t.test('the table stands before the verdict', (t) => {
  const lines = renderVerdict(validation(BOTH)).split('\n');
  t.same(lines.slice(0, 6), [
    '',
    '  the same work by both methods, with the patches:',
    '                         standstill  instructions   pages    image  save  resume',
    '  w  sys_snapshot  pass       48 ms          23 M       -  92.2 MB     -       -',
    '  w  swsusp        fail    2,048 ms             -  33,587        -     -   900 M',
    '',
  ]);
  t.match(lines[6], /^BROKEN/);
  t.notMatch(renderVerdict(validation(BOTH.slice(0, 1))), /both methods/);
  t.end();
});
