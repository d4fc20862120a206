// SPDX-License-Identifier: MIT
import t from 'tap';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../emulator/machine/errors.js';
import { readScenario } from '../../../emulator/scenario/schema.js';
import { KNOWN_FINDINGS } from '../../../tools/soak/known-stacks.js';
import { scenarioOf } from '../../../tools/soak/stack-scenario.js';
import { stacksNamed, writeStacks } from '../../../tools/soak/stack-run.js';
import { groupsOf, PARTITIONS, partitionsOf, STACKS, wordsFor, type Stack } from '../../../tools/soak/stacks.js';

const named = (name: string): Stack => {
  const found = STACKS.find((stack) => stack.name === name);
  if (found === undefined) throw new Error(`no stack ${name}`);
  return found;
};
const words = (name: string): string => wordsFor(named(name), PARTITIONS).join(' ');

t.test('each stack has a name of its own, and a scenario that can be read', (t) => {
  t.ok(STACKS.length >= 60);
  t.equal(new Set(STACKS.map(({ name }) => name)).size, STACKS.length);
  for (const stack of STACKS)
    for (const how of ['taken', 'refused'] as const) {
      const read = readScenario(scenarioOf([stack], how), 'x.yaml');
      t.notOk('issues' in read, stack.name);
      if (!('issues' in read)) t.equal(read.scenario.name, stack.name);
    }
  t.end();
});

t.test('names, words and what must happen', (t) => {
  t.equal(
    words('xfs on crypt on linear on loop on ext4 on crypt on striped'),
    'xfs crypt linear loop ext4 crypt striped:sdb4 sdb5',
  );
  t.equal(words('ext4, moved to a younger loop on xfs'), 'ext4 moved:sdb4 loop xfs sdb5');
  t.equal(words('btrfs, extended by a younger crypt'), 'btrfs added:sdb4 crypt sdb5');
  t.match(named('xfs on crypt on linear on loop on ext4 on crypt on striped'), { ends: 'passes', isHeld: false });
  t.match(named('ext4 on thin'), { ends: 'either' });
  t.match(named('ext4 on loop on xfs on suspended linear'), { ends: 'passes', isHeld: true });
  t.match(named('vfat on linear, frozen'), { layers: ['vfat', 'linear'], ends: 'passes', isHeld: true });
  t.end();
});

t.test('what cannot stand on what', (t) => {
  for (const impossible of [
    'f2fs on loop on f2fs',
    'overlay on vfat on linear',
    'f2fs, moved to a younger loop on ext4',
  ])
    t.notOk(
      STACKS.some(({ name }) => name === impossible),
      impossible,
    );
  t.end();
});

t.test('stacks that must pass share machines, as far as the disk goes', (t) => {
  const groups = groupsOf(STACKS);
  t.same(
    groups
      .flat()
      .map(({ name }) => name)
      .sort(),
    STACKS.map(({ name }) => name).sort(),
  );
  for (const group of groups) {
    t.ok(group.reduce((sum, stack) => sum + partitionsOf(stack), 0) <= PARTITIONS.length);
    t.ok(group.length === 1 || group.every(({ ends }) => ends === 'passes'));
  }
  const alone = groupsOf(STACKS, ({ name }) => name === 'xfs on linear').find((group) =>
    group.includes(named('xfs on linear')),
  );
  t.equal(alone?.length, 1, 'one that is known to fail');
  t.end();
});

t.test('a scenario holds writes back where the stack says so', (t) => {
  const text = scenarioOf([named('ext4 on linear'), named('ext4 on suspended linear')], 'taken');
  t.match(text, /stack hold s2\n {2}- suspend: \{ .*refused: .*\n {2}- run: stack release s2\n {2}- suspend:\n/);
  t.notMatch(scenarioOf([named('ext4 on thin')], 'refused'), 'resume\n');
  t.notMatch(scenarioOf([named('ext4 on linear')], 'taken'), /hold|release/);
  t.match(scenarioOf([named('ext4 on linear')], 'taken'), 'timeout: 2 min');
  t.match(scenarioOf([named('ext4 on linear')], 'taken', 'qemu'), 'timeout: 20 s', 'the patience of QEMU comes to it');
  t.end();
});

t.test('what is known to fail is of stacks that there are', (t) => {
  t.same(
    Object.keys(KNOWN_FINDINGS).filter((known) => !STACKS.some(({ name }) => name === known)),
    [],
  );
  t.end();
});

t.test('stacks by their names, and as files', async (t) => {
  t.equal(stacksNamed([]).length, STACKS.length);
  t.throws(() => stacksNamed(['ext4 on nothing']), InputError);
  const folder = join(await mkdtemp(join(t.testdir({}), 'x')), 'new');
  const [path = ''] = await writeStacks(stacksNamed(['ext4, moved to a younger crypt']), folder);
  t.same(await readdir(folder), ['ext4-moved-to-a-younger-crypt.yaml']);
  t.match(await readFile(path, 'utf8'), 'stack make s1 ext4 moved:sdb4 crypt sdb5\n');
  await t.rejects(writeStacks(STACKS, join(path, 'below')), InputError);
});
