// SPDX-License-Identifier: MIT
/** Storms, against a guest of a few lines. */
import t from 'tap';
import { bootStates, type Booter } from '../../../emulator/cycle/boot.js';
import type { DiskWrite, Engine, EngineTraits, MarkerSeen } from '../../../emulator/machine/contract.js';
import { stepBegin, stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';
import { sector } from '../../../emulator/machine/units.js';
import { IMAGE, keptStores, livesOf, runStorm, stormReady } from '../../../tools/soak/storm.js';
import { fakeConfig, fakeSystem, type FakeSystem } from '../cycle/fake-system.js';

/** Commands are known by their last word. */
async function stormOn(commands: NonNullable<FakeSystem['commands']>, traits: Partial<EngineTraits> = {}) {
  const system = fakeSystem({ commands });
  const engine: Engine = { ...system, traits: { ...system.traits, checkpoints: [], ...traits } };
  const stored: string[] = [];
  const cache = { get: () => Promise.resolve(undefined), put: (key: string) => Promise.resolve(void stored.push(key)) };
  const booter: Booter = { engine, config: fakeConfig, configKey: 'key', cache };
  const storm = { booter, states: bootStates(), proofs: { console: () => [] } };
  const ready = await stormReady(storm);
  return { ...(await runStorm(storm, ready, 7)), ready, stored };
}

t.test('on an engine without checkpoints, a seed boots its own machine', async (t) => {
  const { failures, cast, ready } = await stormOn({ prepare: {}, '7': { stdout: 'seed 7: nobody\n' } });
  t.equal(cast, 'nobody');
  t.same(failures, []);
  t.equal(ready, undefined);
});

t.test('seeds begin at a common checkpoint, which is stored where all boots are equal', async (t) => {
  const commands = { prepare: {}, '7': { stdout: 'seed 7: nobody\n' } };
  for (const deterministic of [true, false]) {
    const { failures, cast, ready, stored } = await stormOn(commands, { checkpoints: ['ide'], deterministic });
    t.equal(cast, 'nobody');
    t.same(failures, []);
    t.ok(ready);
    t.equal(stored.includes('storm-key'), deterministic);
  }
});

t.test('a machine that does not get to the start is a failure of its seed alone', async (t) => {
  const { seed, failures } = await stormOn({ prepare: { stdout: 'no loop device\n', exit: 1 } });
  t.equal(seed, 7);
  t.match(failures, [{ what: 'the guest cannot prepare for storms', details: ['no loop device'] }]);
});

type OfImage = readonly [which: keyof typeof IMAGE, whose: number];
type Marked = OfImage | readonly [which: 'begin' | 'end', step: KernelStep, word1?: number];
const isOfImage = (step: Marked): step is OfImage => step[0] in IMAGE;

/** Markers at the instructions 0, 10, 20 ... */
const lives = (...steps: readonly Marked[]) =>
  livesOf(steps.map((step, at) => ({ ...marked(step), instruction: 10 * at, virtualMs: 0 })));
function marked(step: Marked): Pick<MarkerSeen, 'kind' | 'word0' | 'word1'> {
  if (isOfImage(step)) return { kind: IMAGE[step[0]], word0: step[1], word1: 0 };
  const [which, what, word1 = 0] = step;
  return { kind: which === 'begin' ? stepBegin(what) : stepEnd(what), word0: 0, word1 };
}
const taken = [
  ['begin', 'copy'],
  ['end', 'substitute'],
] as const;
const back = [
  ['begin', 'rollback'],
  ['end', 'restore'],
] as const;
const refused = [
  ['begin', 'rollback'],
  ['end', 'rollback', -16],
] as const;
const commit = [
  ['begin', 'commit'],
  ['end', 'commit'],
] as const;
const failed = [
  ['begin', 'commit'],
  ['end', 'commit', -5],
] as const;
const resumed = [
  ['restoring', 7],
  ['end', 'restore'],
] as const;

t.test('nothing may be written to an origin in a live timeline, however it ends', async (t) => {
  const none = { taken: 0, rolledBack: 0, resumed: 0, committed: 0, live: [], restored: [] };
  const forever = [{ from: 0, to: Infinity }];
  t.same(lives(), none);
  t.same(lives(['begin', 'copy'], ['end', 'restore']), none, 'hibernation');
  t.same(lives(...taken).live, forever);
  t.same(lives(...taken, ...refused).live, forever);
  t.same(lives(...taken, ...back), {
    ...none,
    taken: 1,
    rolledBack: 1,
    live: [{ from: 0, to: 30 }],
    restored: [{ from: 30, to: Infinity }],
  });
  t.same(lives(...taken, ...commit), { ...none, taken: 1, committed: 1, live: [{ from: 0, to: 20 }] });
  t.same(lives(...taken, ...failed), { ...none, taken: 1, live: [{ from: 0, to: 20 }] });
  t.same(lives(...taken, ...failed, ...commit, ...taken).live, [
    { from: 0, to: 20 },
    { from: 60, to: Infinity },
  ]);
  t.same(lives(...taken, ...back, ['begin', 'call'], ...taken, ...commit), {
    ...none,
    taken: 2,
    rolledBack: 1,
    committed: 1,
    live: [
      { from: 0, to: 30 },
      { from: 50, to: 70 },
    ],
    restored: [{ from: 30, to: 40 }],
  });
  t.same(lives(...taken, ...taken, ...commit).live, forever, 'into the store of the older one');
  t.same(lives(...taken, ...taken, ...back, ...taken, ...back), {
    ...none,
    taken: 3,
    rolledBack: 2,
    live: forever,
  });
});

t.test('a resume goes back to the snapshot of its image, also past younger ones', async (t) => {
  const none = { taken: 0, rolledBack: 0, resumed: 0, committed: 0, live: [], restored: [] };
  t.same(lives(...taken, ['saved', 7], ...resumed), {
    ...none,
    taken: 1,
    resumed: 1,
    live: [{ from: 0, to: 40 }],
    restored: [{ from: 40, to: Infinity }],
  });
  t.same(lives(...taken, ['saved', 7], ...taken, ...resumed).live, [{ from: 0, to: 60 }]);
  t.same(lives(...taken, ...taken, ['saved', 7], ...taken, ...resumed).live, [{ from: 0, to: Infinity }]);
  t.same(lives(...taken, ['saved', 7], ['restoring', 7], ['restoring', 0], ['end', 'restore']).resumed, 0, 'failed');
});

t.test('a restored system writes to its disks, and to no store', async (t) => {
  const store = { device: 'sdb1', startSector: 100, sectors: 50, filesystem: 'unknown' as const };
  const stretch = { from: 10, to: Infinity };
  const write = (at: number, instruction: number): DiskWrite => ({
    sector: sector(at),
    instruction,
    bytes: new Uint8Array(1024),
  });
  const whats = (root: number, ofStore: readonly number[], isOff = true, restored = [stretch]) =>
    keptStores([[write(5, root)], ofStore.map((at) => write(at, 20))], restored, store, isOff).map(({ what }) => what);
  t.same(whats(10, [98, 150]), []);
  t.match(whats(10, [99, 149, 150]), [/^2 writes of a restored system reached the store on sdb1$/]);
  t.match(whats(9, []), [/^nothing that the restored system wrote reached the root/]);
  t.same(whats(9, [], false), [], 'a machine that is not off may not have written anything yet');
  t.same(whats(9, [], true, [{ from: 10, to: 30 }]), [], 'before another snapshot');
  t.same(whats(9, [], true, []), [], 'without a way back');
});

t.test('a restored system in which another call was waiting may write to the store of that', async (t) => {
  const call = ['begin', 'call'] as const;
  const ended = ['end', 'call'] as const;
  const restored = [{ from: 60, to: Infinity }];
  t.same(
    lives(
      call,
      ...taken,
      ended,
      ['begin', 'rollback'],
      ['end', 'rollback', -16],
      ['begin', 'rollback'],
      ['end', 'restore'],
    ).restored,
    [{ from: 70, to: Infinity }],
  );
  t.same(lives(call, ...taken, ended, ['begin', 'copy'], ...back).restored, restored);
  t.same(lives(call, call, ...taken, ended, ...back).restored, [], 'a second caller has begun before the copy');
  t.same(lives(call, call, ['end', 'call', -16], ...taken, ...back).restored, restored, 'and ended before it');
  const saved = ['saved', 7] as const;
  t.same(
    lives(call, call, ...taken, saved, ended, ended, ...resumed).restored,
    [],
    'it was there when the image was made',
  );
  t.same(
    lives(call, ...taken, saved, ended, call, ...resumed).restored,
    [{ from: 70, to: Infinity }],
    'and that one was not',
  );
});
