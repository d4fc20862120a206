// SPDX-License-Identifier: MIT
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { caches } from '../../../emulator/host/node/artifacts/context.js';
import { validationOf, type ShardState, type ValidationPlan } from '../../../emulator/validate/plan.js';
import { renderTrace, traceOf } from '../../../emulator/report/trace.js';
import { runsOf } from '../../../emulator/validate/runs.js';
import { partsOf } from '../../../emulator/validate/shards.js';
import { mergeCommand } from '../../../tools/cli/merge.js';
import { collectResults, openResults } from '../../../tools/run/results-folder.js';
import { replayIn } from '../../../tools/run/validate.js';
import { PLAN, RESULTS } from '../validate/plans.js';

const COUNT = 2;

/** Leaves in `dir` what a shard leaves. */
async function leave(dir: string, index: number, plan = PLAN, state: ShardState['state'] = 'done'): Promise<void> {
  const folder = await openResults(dir);
  await folder.putPlan(plan);
  const cells = plan.cells.map(({ cell }) => cell);
  for (const at of partsOf(cells, COUNT)[index - 1] ?? []) {
    for (const key of Object.values(plan.cells[at]?.keys ?? {})) {
      const result = RESULTS.get(key);
      if (result) await folder.put(key, result);
    }
  }
  await folder.putState(plan, { shard: { index, count: COUNT }, state });
}

const whole = JSON.stringify(validationOf(PLAN, RESULTS, replayIn(caches(), PLAN)), null, 2);

t.test('the report of shards is that of one host, byte by byte', async (t) => {
  t.capture(console, 'log', () => undefined);
  const dir = t.testdir({});
  const [one, two, json, trace] = ['one', 'two', 'json', 'trace'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
    string,
  ];
  await leave(one, 1);
  await leave(two, 2);
  t.equal(await mergeCommand([two, one], { json, trace }), 1, 'a cell is broken');
  t.equal(readFileSync(trace, 'utf8'), renderTrace(traceOf(runsOf(PLAN, RESULTS))));
  t.equal(readFileSync(json, 'utf8'), `${whole}\n`);
  await leave(one, 2);
  t.equal(await mergeCommand([dir], { json }), 1, 'folders within a folder, and a result that is there twice');
  t.equal(readFileSync(json, 'utf8'), `${whole}\n`);
  t.notOk(
    readdirSync(one).some((name) => name.startsWith('.')),
    'nothing half-written stays',
  );
});

t.test('a shard that never came is named, and is no word about the patches', async (t) => {
  t.capture(console, 'log', () => undefined);
  const dir = t.testdir({});
  const json = join(dir, 'json');
  await leave(join(dir, 'one'), 1);
  t.equal(await mergeCommand([join(dir, 'one')], { json }), 3);
  t.match(JSON.parse(readFileSync(json, 'utf8')), {
    verdict: 'unfinished',
    notRun: ['b'],
    ended: { reason: 'results are missing', details: ['shard 2 of 2, which has left nothing: b'] },
  });
});

t.test('the try of a shard that came farthest counts', async (t) => {
  const dir = t.testdir({});
  await leave(join(dir, 'first'), 1, PLAN, 'began');
  await leave(join(dir, 'second'), 1, PLAN, 'done');
  await leave(join(dir, 'third'), 1, PLAN, 'failed');
  t.match((await collectResults([dir])).states, [{ state: 'done' }]);
});

t.test('an earlier try leaves results that are not run again', async (t) => {
  const folder = await openResults(join(t.testdir({}), 'made', 'for it'));
  const [[key, result] = ['', undefined]] = RESULTS;
  if (!result) throw new Error('no result');
  t.equal(await folder.get(key), undefined);
  await folder.put(key, result);
  t.same(await folder.get(key), result);
});

t.test('what cannot be merged', async (t) => {
  const dir = t.testdir({ empty: {} });
  const at = (name: string): string => join(dir, name);
  const refused = (dirs: readonly string[], name: string, message: RegExp): Promise<unknown> =>
    t.rejects(collectResults(dirs.map(at)), { name, message, remedy: /\S/ });
  await refused(['empty'], 'InputError', /^there are no results in .*empty$/);
  await refused(['nowhere'], 'InputError', /^cannot read the results in .*nowhere: ENOENT/);
  await leave(at('one'), 1);
  const other: ValidationPlan = { ...PLAN, matrix: 'full' };
  await leave(at('other'), 2, other);
  await refused(['one', 'other'], 'InputError', /different validations \(they differ in their matrix\)$/);
  const warned: ValidationPlan = { ...PLAN, warnings: ['a.c:1: warning: w'] };
  await leave(at('warned'), 2, warned);
  t.match(
    await collectResults([at('one'), at('warned')]),
    { states: { length: 2 } },
    'what a compiler says may differ',
  );
  const [file = ''] = readdirSync(at('one')).filter((name) => name.startsWith('cell-'));
  mkdirSync(at('wrong'));
  const spoil = (text: string): void => writeFileSync(join(at('wrong'), file), text);
  const good = readFileSync(join(at('one'), file), 'utf8');
  spoil(good.slice(0, 20));
  await refused(['one', 'wrong'], 'InputError', /cell-[0-9a-f]+\.json holds no result: it is not JSON/);
  spoil('{}');
  await refused(['one', 'wrong'], 'InputError', /holds no result: it must have required property 'verdict'/);
  spoil(good.replace('"stateHash":"ab', '"stateHash":"ff'));
  await refused(['one', 'wrong'], 'RigError', /^.*one.* and .*wrong.* differ, although/);
});
