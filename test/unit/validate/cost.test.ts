// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { costOf, soonestFirst, type Costs } from '../../../emulator/validate/cost.js';
import table from '../../../emulator/validate/costs.json' with { type: 'json' };
import { readMutant } from '../../../emulator/validate/mutant.js';

const COSTS: Costs = table.scenarios;
const order = (costs: Costs, ...scenarios: string[]): readonly string[] =>
  soonestFirst(
    scenarios.map((scenario) => ({ name: scenario, scenario })),
    (cell) => cell,
    costs,
  ).map(({ name }) => name);

t.test('the cheapest cells first, and before them those that have found much for their cost', (t) => {
  const costs: Costs = { cheap: { millions: 100 }, telling: { millions: 300, mutants: 3 }, dear: { millions: 5000 } };
  t.same(order(costs, 'dear', 'unmeasured', 'cheap', 'telling'), ['telling', 'cheap', 'unmeasured', 'dear']);
  t.same(order(costs, './telling.yaml', 'cheap'), ['cheap', './telling.yaml'], 'a file is not measured');
  t.same(order({}, 'b', 'a', 'c'), ['b', 'a', 'c'], 'of equals, the first');
  const debug: Costs = { measured: { millions: 100, debugMillions: 333 }, half: { millions: 100 } };
  const debugCost = (scenario: string): number => costOf({ name: scenario, scenario, flavour: 'debug' }, debug);
  t.equal(debugCost('measured'), 333);
  t.ok(debugCost('half') > 100, 'the debug kernel needs more');
  t.ok(debugCost('unmeasured') > costOf({ name: 'x', scenario: 'unmeasured' }, debug));
  t.equal(costOf({ name: 'x', scenario: 'measured', flavour: 'release' }, debug), 100);
  t.equal(costOf({ name: 'x', scenario: 'rollback' }), COSTS['rollback']?.millions);
  t.end();
});

t.test('the table has the scenarios and mutants that are there', (t) => {
  for (const name of Object.keys(COSTS)) t.ok(existsSync(packagePath('test', 'scenarios', `${name}.yaml`)), name);
  const dir = packagePath('test', 'mutants');
  const counts: Record<string, number> = {};
  for (const file of readdirSync(dir).filter((name) => name.endsWith('.patch'))) {
    const mutant = readMutant(file, readFileSync(join(dir, file), 'latin1'));
    if ('problem' in mutant || mutant.kills.length === 0) continue;
    for (const scenario of mutant.scenarios) counts[scenario] = (counts[scenario] ?? 0) + 1;
  }
  t.same(
    Object.fromEntries(
      Object.entries(COSTS).flatMap(([name, { mutants }]) => (mutants === undefined ? [] : [[name, mutants]])),
    ),
    counts,
    'node tools/run.mjs tools/costs.ts counts them anew',
  );
  t.end();
});
