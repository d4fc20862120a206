// SPDX-License-Identifier: MIT
/** Storms, against a guest of a few lines. */
import t from 'tap';
import { bootStates, type Booter } from '../../../emulator/cycle/boot.js';
import type { Engine } from '../../../emulator/machine/contract.js';
import { stepBegin, stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';
import { livesOf, runStorm, stormReady } from '../../../tools/soak/storm.js';
import { fakeConfig, fakeSystem, type FakeSystem } from '../cycle/fake-system.js';

/** Commands are known by their last word. */
async function stormOn(commands: NonNullable<FakeSystem['commands']>) {
  const system = fakeSystem({ commands });
  const engine: Engine = { ...system, traits: { ...system.traits, checkpoints: false } };
  const cache = { get: () => Promise.resolve(undefined), put: () => Promise.resolve() };
  const booter: Booter = { engine, config: fakeConfig, configKey: 'key', cache };
  const storm = { booter, states: bootStates(), proofs: { console: () => [] } };
  return runStorm(storm, await stormReady(storm), 7);
}

t.test('on an engine without checkpoints, a seed boots its own machine', async (t) => {
  const { failures, cast } = await stormOn({ prepare: {}, '7': { stdout: 'seed 7: nobody\n' } });
  t.equal(cast, 'nobody');
  t.same(failures, []);
});

t.test('a machine that does not get to the start is a failure of its seed alone', async (t) => {
  const { seed, failures } = await stormOn({ prepare: { stdout: 'no loop device\n', exit: 1 } });
  t.equal(seed, 7);
  t.match(failures, [{ what: 'the guest cannot prepare for storms', details: ['no loop device'] }]);
});

t.test('nothing may be written to an origin in a live timeline, however it ends', async (t) => {
  /** Markers at the instructions 0, 10, 20 ... */
  const lives = (...steps: readonly (readonly ['begin' | 'end', KernelStep, number?])[]) =>
    livesOf(
      steps.map(([which, step, word1 = 0], at) => ({
        kind: which === 'begin' ? stepBegin(step) : stepEnd(step),
        word0: 0,
        word1,
        instruction: 10 * at,
        virtualMs: 0,
      })),
    );
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
  t.same(lives(), { taken: 0, rolledBack: 0, committed: 0, live: [] });
  t.same(lives(['begin', 'copy'], ['end', 'restore']).live, [], 'hibernation');
  t.same(lives(...taken).live, [{ from: 0, to: Infinity }]);
  t.same(lives(...taken, ...refused).live, [{ from: 0, to: Infinity }]);
  t.same(lives(...taken, ...back), { taken: 1, rolledBack: 1, committed: 0, live: [{ from: 0, to: 30 }] });
  t.same(lives(...taken, ...commit), { taken: 1, rolledBack: 0, committed: 1, live: [{ from: 0, to: 20 }] });
  t.same(lives(...taken, ...failed), { taken: 1, rolledBack: 0, committed: 0, live: [{ from: 0, to: 20 }] });
  t.same(lives(...taken, ...failed, ...commit, ...taken).live, [
    { from: 0, to: 20 },
    { from: 60, to: Infinity },
  ]);
  t.same(lives(...taken, ...back, ...taken, ...commit), {
    taken: 2,
    rolledBack: 1,
    committed: 1,
    live: [
      { from: 0, to: 30 },
      { from: 40, to: 60 },
    ],
  });
  t.same(lives(...taken, ...taken, ...commit).live, [{ from: 0, to: Infinity }], 'into the store of the older one');
  t.same(lives(...taken, ...taken, ...back, ...taken, ...back).live, [{ from: 0, to: Infinity }], 'on top of another');
});
