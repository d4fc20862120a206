// SPDX-License-Identifier: MIT
import t from 'tap';
import { missingFrom, validationOf, type ValidationPlan } from '../../../emulator/validate/plan.js';
import { partsOf, readShard } from '../../../emulator/validate/shards.js';
import { PLAN, RESULTS } from './plans.js';

const replayOf = (): string => 'replay';
const cells = (...scenarios: string[]) => scenarios.map((scenario, index) => ({ name: String(index), scenario }));

t.test('a part is named by its number and by how many there are', (t) => {
  t.same(readShard('2/8'), { index: 2, count: 8 });
  t.same(readShard('1/1'), { index: 1, count: 1 });
  for (const bad of ['0/8', '9/8', '1/0', '2', '2/', '-1/2', '1/2/3', '1/10001', ' 1/2', ''])
    t.equal(readShard(bad), undefined, bad);
  t.end();
});

t.test('parts have about the same cost, and each cell is in one of them', (t) => {
  const matrix = cells('rollback-short', 'rollback', 'rollback-short', 'sys-snapshot', 'rollback-short', 'stock-cycle');
  t.same(partsOf(matrix, 1), [[0, 1, 2, 3, 4, 5]]);
  t.same(
    partsOf(matrix, 2),
    [
      [0, 2, 3, 4],
      [1, 5],
    ],
    'the two that take longest are apart',
  );
  for (const count of [2, 3, 5, 6, 9]) {
    const parts = partsOf(matrix, count);
    t.equal(parts.length, count);
    t.same(parts.flat().sort(), [0, 1, 2, 3, 4, 5], `${count} parts`);
    t.ok(parts.every((part) => part.every((at, index) => index === 0 || at > (part[index - 1] ?? at))));
  }
  t.same(partsOf(matrix, 9).filter((part) => part.length === 0).length, 3, 'more parts than cells');
  t.end();
});

t.test('a validation is made of results, wherever they come from', (t) => {
  const whole = validationOf(PLAN, RESULTS, (planned, which) => `${planned.cell.name} ${which}`);
  t.match(whole, { verdict: 'broken', notRun: [] });
  t.same(
    whole.cells.map(({ cell, change, patched }) => [cell.name, change, patched.replay]),
    [
      ['a', 'unchanged', 'a patched'],
      ['b', 'broken', 'b patched'],
      ['c', 'unchanged', 'c patched'],
    ],
  );
  const some = new Map([...RESULTS].filter(([key]) => key !== PLAN.cells[1]?.keys?.patched));
  t.match(validationOf(PLAN, some, replayOf), { verdict: 'unfinished', notRun: ['b'] }, 'half a cell is none');
  t.match(validationOf({ ...PLAN, cells: PLAN.cells.map(({ keys: _, ...cell }) => cell) }, RESULTS, replayOf), {
    verdict: 'unfinished',
    notRun: ['a', 'b', 'c'],
  });
  t.end();
});

t.test('what is missing is named, with the shard and why', (t) => {
  const shard = (index: number) => ({ index, count: 3 });
  const missing = (notRun: readonly string[], ...states: Parameters<typeof missingFrom>[2][number][]) =>
    missingFrom(PLAN, notRun, states)?.details;
  t.equal(missingFrom(PLAN, [], []), undefined);
  t.same(missing(['a', 'c'], { shard: shard(2), state: 'done' }), [
    'shard 1 of 3, which has left nothing: a',
    'shard 3 of 3, which has left nothing: c',
  ]);
  t.same(missing(['a'], { shard: shard(1), state: 'began' }), ['shard 1 of 3, which began and did not end: a']);
  t.same(
    missing(['a'], { shard: shard(1), state: 'failed', ended: { reason: 'the disk is full', details: ['free it'] } }),
    ['shard 1 of 3, which failed (the disk is full): a', '  free it'],
  );
  t.same(missing(['a'], { shard: shard(1), state: 'done' }), [
    'shard 1 of 3, which ended, but whose results are not all there: a',
  ]);
  const notBuilt: ValidationPlan = { ...PLAN, buildFailure: { where: 'x', details: [] } };
  t.equal(missingFrom(notBuilt, ['a'], []), undefined, 'there is nothing to run');
  t.end();
});
