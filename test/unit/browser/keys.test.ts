// SPDX-License-Identifier: MIT
/** Keys that are typed into the console come to its machine, and are never lost silently nor kept for a later one. */
import t from 'tap';
import { createKeys } from '../../../emulator/host/browser/session/keys.js';
import { next, START } from '../../../emulator/host/browser/session/state.js';
import { TAKE_OVER_KEY } from '../../../emulator/host/browser/views/run-instant.js';
import { bytes } from './fixtures/fake-machine.js';

function harness() {
  const did: string[] = [];
  const keys = createKeys(() => did.push('refused'));
  const machine = (name: string) => ({
    type: (of: Uint8Array): void => void did.push(`${name} ${new TextDecoder().decode(of)}`),
  });
  return { did, keys, machine, type: (text: string) => keys.type(bytes(text)) };
}

t.test('before there is a machine, they wait for it', async (t) => {
  const { did, keys, machine, type } = harness();
  type('a');
  type('b');
  t.same(did, []);
  keys.give(machine('first'));
  type('c');
  keys.give(machine('second'));
  type('d');
  t.same(did, ['first a', 'first b', 'first c', 'second d'], 'in their order, and once');
});

t.test('the machine of a run gets none until it is taken over', async (t) => {
  const { did, keys, machine, type } = harness();
  keys.give(machine('prompt'));
  keys.refuse();
  type('a');
  t.same(did.splice(0), ['refused']);
  keys.wait();
  type('b');
  t.same(did, []);
  keys.give(machine('taken'));
  t.same(did, ['taken b'], 'what was refused is not kept for later');
});

t.test('the page says so', async (t) => {
  const running = next(START, { tell: 'running', again: undefined });
  const { said } = next(running, { tell: 'refusedKeys' });
  t.match(said, /^the machine of a run takes no keys: step through the run, /);
  t.ok(said.endsWith(`(key ${TAKE_OVER_KEY})`));
  const at = { title: 'run ls', step: 1, part: 0 };
  const inside = { machine: 1, virtualMs: 5 };
  const possible = { additions: [], commands: false };
  const paused = next(running, { tell: 'paused', at, text: '', possible, places: [], inside });
  const there = next(paused, { tell: 'refusedKeys' });
  t.equal(there.said, `the machine of a run takes no keys: take it over (key ${TAKE_OVER_KEY})`);
  t.equal(there.paused, paused.paused);
  t.equal(next(there, { tell: 'goingOn' }).said, 'run ls', 'until the run goes on');
  const failed = next(running, { tell: 'failed', message: 'no room', remedy: 'reload the page' });
  t.equal(next(failed, { tell: 'refusedKeys' }).said, failed.said, 'how it has ended is worth more');
});
