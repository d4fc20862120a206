// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { readMutant, whySurvived, type Mutant } from '../../../emulator/validate/mutant.js';
import { hasChange } from '../../../emulator/validate/patch-text.js';
import { LOST, result, WARNED } from './validations.js';

const mutant = (head: string): ReturnType<typeof readMutant> => readMutant('m', `Subject: x\n\n${head}\n---\ndiff\n`);
const read = (head: string): Mutant => {
  const one = mutant(head);
  if ('problem' in one) throw new Error(one.problem);
  return one;
};

t.test('the head of a mutant', (t) => {
  t.same(read('Scenario: a\nScenario: b\nKills: ^memory: '), {
    name: 'm',
    scenarios: ['a', 'b'],
    kills: [/^memory: /],
  });
  t.same(read('Scenario: a\nKills: nothing').kills, []);
  t.match(mutant('Kills: x'), { problem: /Scenario: NAME/ });
  t.match(mutant('Scenario: a'), { problem: /Kills: PATTERN/ });
  t.match(mutant('Scenario: a\nKills: ('), { problem: /no regular expression/ });
  t.match(mutant('Scenario: a\nKills: nothing\nKills: x'), { problem: /besides/ });
  t.match(readMutant('m', 'Subject: x\n\n---\nScenario: a\nKills: x\n'), { problem: /Scenario/ }, 'not in the change');
  t.end();
});

t.test('a mutant is killed for the reason that its head names', (t) => {
  const one = read('Scenario: a\nKills: ^memory: .*: pfn\nKills: ^kernelFault: ');
  t.same(whySurvived(one, [result([LOST]), result([WARNED])]), []);
  t.match(whySurvived(one, [result([LOST])]), ['not found: ^kernelFault: ', /^found: memory: /]);
  t.same(
    whySurvived(read('Scenario: a\nKills: ^memory: .*: Subtest'), [result([LOST])]),
    [],
    'each line of the evidence counts',
  );
  t.match(whySurvived(one, [result()]), [/^not found/, /^not found/, 'nothing was found']);
  const none = read('Scenario: a\nKills: nothing');
  t.same(whySurvived(none, [result()]), []);
  t.match(whySurvived(none, [result([LOST])]), [/^found, although there is no mistake: memory: /]);
  t.end();
});

t.test('each mutant has a head, a change, and scenarios that are there', (t) => {
  const folder = packagePath('test', 'mutants');
  const files = readdirSync(folder).filter((file) => file.endsWith('.patch'));
  t.ok(files.length > 0);
  for (const file of files) {
    const text = readFileSync(`${folder}/${file}`, 'latin1');
    const one = readMutant(file, text);
    if ('problem' in one) {
      t.fail(`${file}: ${one.problem}`);
      continue;
    }
    t.ok(hasChange(text), file);
    for (const scenario of one.scenarios)
      t.ok(existsSync(packagePath('test', 'scenarios', `${scenario}.yaml`)), `${file}: ${scenario}`);
  }
  t.end();
});
