// SPDX-License-Identifier: MIT
/** What can be done at a pause, as changes of a scenario's text. */
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { Moment, Standing } from '../../../emulator/cycle/steps/context.js';
import { possibleAt, withDone, type Doing } from '../../../emulator/host/browser/session/additions.js';
import { scenarioOf } from '../../../emulator/host/browser/session/edited.js';
import { createPlaces } from '../../../emulator/host/browser/session/places.js';
import { createStepper } from '../../../emulator/host/browser/session/stepper.js';
import { createWalk } from '../../../emulator/host/browser/session/walk.js';
import type { Pause } from '../../../emulator/host/browser/session/protocol.js';
import { editYaml } from '../../../emulator/yaml/index.js';

const TEXT = `name: x
steps:
  - boot
  - run: ls # first
  # the snapshot
  - suspend:
      beforeSaving: [spoil]
      whileSaving:
        - rewrite
  - resume
  - verify
  - run: ls
  - shutdown
`;
const at = (step: number, part = 0): Moment => ({ step, part });
const ids = (text: string, moment: Moment): string =>
  possibleAt(text, moment)
    .additions.map(({ id, isFault }) => (isFault ? `(${id})` : id))
    .join(' ');

t.test('what can be done', async (t) => {
  t.equal(ids(TEXT, at(0)), '', 'only to boot, which is next');
  t.equal(
    ids(TEXT, at(1)),
    'snapshot rollbackLater commitLater havoc shutdown cutPower (skipPage) (flipCopy)',
    'with a running machine',
  );
  t.equal(
    ids(TEXT, at(2)),
    'rollbackLater commitLater havoc shutdown cutPower (skipPage) (flipCopy) (alterSector) (failStore) (fullStore)',
    'before a snapshot',
  );
  for (const part of [1, 2]) t.equal(ids(TEXT, at(2, part)), 'rollback commit havoc cutPower cutAtWrite (fullStore)');
  t.equal(ids(TEXT, at(2, 3)), 'havoc cutPower cutAtWrite (fullStore)', 'while the image is saved');
  t.equal(ids(TEXT, at(2, 4)), 'cutPower cutAtWrite', 'when it has been saved');
  t.equal(ids(TEXT, at(3)), '(flipRestored)', 'suspended');
  t.equal(ids(TEXT, at(6)), 'snapshot rollbackLater commitLater havoc cutPower (skipPage) (flipCopy)', 'verified');
  t.equal(ids(TEXT, at(7)), 'boot', 'at the end');
  t.same(
    [0, 1, 3, 6, 7].map((step) => possibleAt(TEXT, at(step)).commands),
    [false, true, false, true, false],
    'commands need a machine',
  );
  t.same(
    [1, 2, 3, 4].map((part) => possibleAt(TEXT, at(2, part)).commands),
    [true, true, true, false],
  );
  const rounds = 'name: x\nsteps:\n  - boot\n  - repeat: { times: 2, steps: [run: ls, run: pwd] }\n  - run: ls\n';
  t.same(possibleAt(rounds, at(2)), { additions: [], commands: false }, 'a change would be one of each round');
  t.ok(possibleAt(rounds, at(1)).commands, 'before the first one');
  t.ok(possibleAt(rounds, at(5)).commands);
  const keys = [at(1), at(2), at(2, 1), at(3)].map((moment) =>
    possibleAt(TEXT, moment).additions.flatMap(({ key }) => key ?? []),
  );
  for (const one of keys) t.equal(new Set([...one, ...'rsnecgik']).size, one.length + 8, 'each key means one thing');
});

const machine = {
  number: 1,
  startVirtualMs: 0,
  virtualMs: 1,
  instructions: 4711,
  markers: [],
  writes: [[], [1, 2, 3].map((sector) => ({ instruction: 1, sector, count: 1 }))],
} satisfies MachineShown;
const done = (text: string, moment: Moment, doing: Doing | string): ReturnType<typeof withDone> =>
  withDone(text, moment, typeof doing === 'string' ? { id: doing } : doing, machine);
const SUSPEND = `  # the snapshot
  - suspend:
      beforeSaving: [ spoil ]
      whileSaving:
        - rewrite
`;
/** Of TEXT, from its second step on. */
const steps = (text: string): string => text.slice(text.indexOf('  - run: ls # first'));

t.test('the text with what was done', async (t) => {
  const command = done(TEXT, at(1), { command: "echo 'a: b' # c" });
  t.equal(
    command.text,
    TEXT.replace('  - run: ls # first', `  - run: "echo 'a: b' # c"\n  - run: ls # first`).replace(
      '[spoil]',
      '[ spoil ]',
    ),
    'all else stays as it was, comments included',
  );
  t.same([command.sameUntil, command.to, command.leftOut], [at(1), at(1), []]);

  const snapshot = done(TEXT, at(1), 'snapshot');
  t.equal(
    steps(snapshot.text.replace('  - suspend\n  - resume\n  - verify\n', '')),
    steps(TEXT).replace('[spoil]', '[ spoil ]'),
  );
  const back = done(TEXT, at(2), 'rollbackLater');
  t.match(back.text, `# first\n  - suspend:\n      then: rollback\n  - verify\n${SUSPEND}`);
  t.same(back.leftOut, []);

  const cut = done(TEXT, at(2), 'cutPower');
  t.match(cut.text, `# first\n  - cutPower\n  - boot\n${SUSPEND}`);
  const resumed = done(TEXT, at(3), 'boot');
  t.match(resumed.text, `${SUSPEND}  - boot\n  - run: ls\n  - shutdown\n`);
  t.same(resumed.leftOut, ['resume', 'verify'], 'what is no longer possible goes');
});

t.test('the time off', async (t) => {
  const offTimes = [at(1), at(2), at(2, 4), at(3)].map((moment) => possibleAt(TEXT, moment).offTime);
  t.same(offTimes, [undefined, '1 h', '1 h', undefined]);
  const later = withDone(TEXT, at(2, 1), { offTime: '90 min' }, undefined);
  t.match(later.text, /whileSaving:\n {8}- rewrite\n {6}offTime: 90 min\n/);
  t.same([later.sameUntil, later.to, later.leftOut], [at(2, 1), at(2, 1), []]);
  t.equal(possibleAt(later.text, at(2)).offTime, '90 min');
  t.match(
    withDone('name: x\nsteps:\n  - boot\n  - suspend\n', at(1), { offTime: '2 d' }, undefined).text,
    'offTime: 2 d',
  );
  t.throws(() => withDone(TEXT, at(2), { offTime: 'long' }, undefined), /a duration such as '5 s'/);
  const back = done(TEXT, at(2), 'rollbackLater').text;
  t.equal(possibleAt(back, at(2)).offTime, undefined, 'the machine is never off');
});

t.test('the text with what was done in a live timeline', async (t) => {
  const before = done(TEXT, at(2, 1), 'havoc');
  t.match(before.text, 'beforeSaving: [ scribble /etc, spoil ]');
  t.same([before.sameUntil, before.to], [at(2, 1), at(2, 1)]);
  t.match(done(TEXT, at(2, 2), { command: 'sync' }).text, 'beforeSaving: [ spoil, sync ]');
  t.match(done(TEXT, at(2, 3), { command: 'sync' }).text, 'whileSaving:\n        - sync\n        - rewrite');

  const now = done(TEXT, at(2, 2), 'cutPower');
  t.same(scenarioOf(now.text).steps[2], {
    ...scenarioOf(TEXT).steps[2],
    faults: [{ fault: 'cutPower', at: { instruction: 4711 } }],
  });
  t.match(now.text, '  - boot\n  - run: ls\n  - shutdown\n');
  t.same([now.sameUntil, now.to, now.leftOut], [at(2, 2), at(3), ['resume', 'verify']]);
  t.match(scenarioOf(done(TEXT, at(2, 4), 'cutAtWrite').text).steps[2], {
    faults: [{ fault: 'cutPower', at: { disk: 1, write: 3 } }],
  });

  const back = done(TEXT, at(2, 1), 'rollback');
  t.match(scenarioOf(back.text).steps[2], { then: 'rollback', whileSaving: [], beforeSaving: [{ command: 'spoil' }] });
  t.same([back.sameUntil, back.to, back.leftOut], [at(2), at(2, 1), ['resume']]);
  const plain = 'name: x\nsteps:\n  - boot\n  - suspend\n  - resume\n';
  const commit = done(plain, at(1, 1), 'commit');
  t.equal(commit.text, 'name: x\nsteps:\n  - boot\n  - suspend:\n      then: commit\n');
  t.same(commit.leftOut, ['resume']);
});

t.test('faults', async (t) => {
  t.match(scenarioOf(done(TEXT, at(2), 'alterSector').text).steps[2], { faults: [{ fault: 'alterSector' }] });
  t.match(scenarioOf(done(TEXT, at(2), 'failStore').text).steps[2], { faults: [{ fault: 'failDisk', disk: 1 }] });
  t.match(scenarioOf(done(TEXT, at(3), 'flipRestored').text).steps[3], { faults: [{ where: 'linux_banner' }] });
  t.match(scenarioOf(done(TEXT, at(2), 'skipPage').text).steps[2], {
    command: 'echo skip-page > /sys/module/rig/parameters/break',
  });
  t.match(done(TEXT, at(2), 'fullStore').text, 'beforeSaving: [ yes live | dd of=/root/much bs=1M count=72 ');
  t.match(done(TEXT, at(2, 2), 'fullStore').text, 'beforeSaving: [ spoil, yes live | dd of=/root/much bs=1M count=72 ');
  t.throws(() => done(TEXT, at(2), 'nothing'), { message: 'that cannot be done here' });
  const shared = 'name: x\nsteps:\n  - boot\n  - &one suspend: {}\n  - resume\n  - *one\n  - resume\n';
  t.ok(scenarioOf(shared));
  t.throws(() => done(shared, at(3), 'failStore'), { message: /cannot be changed by a button/ });
});

t.test('places', async (t) => {
  const places = createPlaces(async ([bytes]) => new TextDecoder().decode(bytes));
  const other = { ...machine, instructions: 4712 };
  const named = (step: number, part = 0) => ({ title: `${step}.${part}`, step, part });
  for (const one of [named(0), named(2), named(2, 1)]) await places.reach(one, [machine]);
  await places.reach({ ...named(2), title: 'new' }, [machine]);
  t.same(
    places.all().map(({ title }) => title),
    ['0.0', 'new', '2.1'],
  );
  await t.rejects(places.reach(named(2), [other]), {
    message: /not the same as before: its machines differ before '2.0'/,
  });
  places.forget(at(2), at(Infinity));
  t.same(
    places.all().map(({ title }) => title),
    ['0.0', 'new'],
    'what comes after a change is forgotten',
  );
  await t.rejects(places.reach(named(2), [other]), { message: /not the same/ }, 'what comes before is compared');
  places.forget(at(2), at(2));
  await places.reach(named(2), [other]);
  await t.rejects(places.reach(named(0), [other]), { message: /not the same/ });
});

t.test('a run goes to a place, and is left there', async (t) => {
  const told: string[] = [];
  const stepper = createStepper(
    ({ title }) => told.push(title),
    () => told.push('on'),
    at(2, 1),
  );
  await stepper.pause({ title: 'before', step: 2, part: 0 });
  const there = stepper.pause({ title: 'there', ...at(2, 1) });
  t.same(told, ['there'], 'no pause before it');
  stepper.stop(new Error('left'));
  await t.rejects(there, { message: 'left' });
  stepper.goOn(false);
  t.same(told, ['there'], 'then there is no pause to end');
});

t.test('a walk', async (t) => {
  const pauses: Pause[] = [];
  const walk = createWalk(
    async ([bytes]) => new TextDecoder().decode(bytes),
    (pause) => pauses.push(pause),
    () => undefined,
  );
  t.equal(walk.goTo(at(0)), undefined, 'nothing has begun');
  const looks: string[] = [];
  const look = ({ virtualMs }: Standing): (() => Promise<void>) => {
    looks.push(`at ${virtualMs} ms`);
    return async () => void looks.push('and away');
  };
  const none = (): Promise<never> => Promise.reject(new Error('nobody reads'));
  const standing: Standing = {
    machine: { readMemory: none, captureMemory: none },
    virtualMs: 7,
    layout: undefined,
    copied: undefined,
    isLive: false,
  };
  const check = (): void => undefined;
  const stand = async (): Promise<void> => void looks.push('stands');
  const first = walk.begin(TEXT, undefined, look, stand);
  const paused = first.pause({ title: 'run ls', ...at(1) }, [machine], standing);
  paused.catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  t.match(pauses, [{ at: at(1), possible: { commands: true }, places: [at(1)] }]);
  t.throws(
    () =>
      walk.change({ command: 'pwd' }, undefined, () => {
        throw new Error('no');
      }),
    { message: 'no' },
  );
  t.throws(() => walk.change({ command: 'pwd' }, `${TEXT}# typed`, check), /has been changed/, 'what was typed stays');
  const again = walk.change({ command: 'pwd' }, TEXT, check);
  t.match(again, { to: at(1), isChanged: true, text: /- run: pwd\n {2}- run: ls/ });
  const left = await paused.then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(walk.isLeft(left), 'the run that has paused ends');
  t.same(looks.splice(0), ['stands', 'at 7 ms', 'and away'], 'its machine can be looked at until then');
  t.notOk(walk.isLeft(new Error('another')));

  let made = 0;
  const prove = async (): Promise<number> => (made += 1);
  const { states } = first;
  const second = walk.begin(again?.text ?? '', again, look, stand);
  t.not(second.states, states, 'what comes before its pause is run');
  const there = second.pause({ title: 'run pwd', ...at(1) }, [machine], standing);
  there.catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(pauses.length, 2);
  walk.goOn(false);
  await there;
  t.same(
    [
      await second.remember('memory', prove),
      await second.remember('disk', prove),
      await second.remember('disk', prove),
    ],
    [1, 2, 3],
  );
  t.equal(walk.goTo(at(1)), undefined, 'not while it runs');
  walk.end();
  t.match(walk.goTo(at(4)), { to: at(4), text: again?.text, isChanged: false });
  const third = walk.begin(
    again?.text ?? '',
    { text: again?.text ?? '', to: at(4), leftOut: [], isChanged: false },
    look,
    stand,
  );
  looks.length = 0;
  t.equal(await third.remember('memory', prove), 4, 'before its first place');
  await third.pause({ title: 'run pwd', ...at(1) }, [machine], standing);
  t.same(
    [await third.remember('memory', prove), await third.remember('disk', prove), await third.remember('disk', prove)],
    [1, 2, 3],
    'what was proved behind the same place',
  );
  await third.pause({ title: 'run ls', ...at(2) }, [machine], standing);
  t.same(looks, [], 'no machine is needed where there is no pause');
  t.match(walk.places(), [at(1), at(2)], 'and the run can still go there');
  t.equal(await third.remember('memory', prove), 5, 'but not behind another one');
  t.equal(third.states, second.states, 'the state before the suspend is used again');
  const early = walk.begin(
    again?.text ?? '',
    { text: again?.text ?? '', to: at(2), leftOut: [], isChanged: false },
    look,
    stand,
  );
  t.not(early.states, second.states, 'but not by a run that pauses before it');
  await t.rejects(
    third.pause({ title: 'run pwd', ...at(1) }, [{ ...machine, instructions: 1 }], undefined),
    { message: /the run is not the same as before/ },
    'a run that differs from what it was before is told',
  );
});

t.test('the text of a file of YAML is kept', async (t) => {
  const text = '# top\na: [ 1, 2 ] # list\n\nb:\n  # in\n  - { c: "x" }\n';
  t.equal(
    editYaml(text, () => undefined),
    text,
  );
  t.equal(
    editYaml(text, ({ get, set, insert, remove }) => {
      t.same(get(['b', 0]), { c: 'x' });
      t.equal(get(['b', 1]), undefined);
      set(['b', 0, 'd'], { e: 1 });
      insert(['a'], 1, 7);
      insert(['f'], 0, 'new');
      remove(['b', 0, 'c']);
    }),
    '# top\na: [ 1, 7, 2 ] # list\n\nb:\n  # in\n  - { d: { e: 1 } }\nf:\n  - new\n',
  );
});
