// SPDX-License-Identifier: MIT
/** Storms, against a guest of a few lines. */
import t from 'tap';
import { bootStates, type Booter } from '../../../emulator/cycle/boot.js';
import type { Engine } from '../../../emulator/machine/contract.js';
import { runStorm, stormReady } from '../../../tools/soak/storm.js';
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
