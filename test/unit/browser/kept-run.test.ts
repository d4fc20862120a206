// SPDX-License-Identifier: MIT
/** Where a tab was is there when the tab is loaded again: the run that has paused, or the machine at the console. */
import t, { type Test } from 'tap';
import type { PlaceShown } from '../../../emulator/host/browser/session/places.js';
import { toKeep, wayBack } from '../../../emulator/host/browser/session/coming-back.js';
import { forgetKept } from '../../../emulator/host/browser/storage/kept.js';
import { keepRun, keptRun } from '../../../emulator/host/browser/storage/kept-run.js';
import { keepSession, keptSession } from '../../../emulator/host/browser/storage/kept-session.js';

const machine = { session: '{"sessionFormat":2}', isStanding: true };
const run = { hash: '#session=x', text: 'name: x\n', at: { step: 2, part: 1 } };

/** Puts a storage in the place of the browser's. */
function storage(t: Test, kept: Map<string, string>, isFull = (): boolean => false): void {
  const given = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem(key: string, value: string) {
      if (isFull()) throw new Error('QuotaExceededError');
      kept.set(key, value);
    },
    removeItem: (key: string) => kept.delete(key),
  };
  Object.defineProperty(globalThis, 'sessionStorage', { value: given, configurable: true });
  t.teardown(() => Reflect.deleteProperty(globalThis, 'sessionStorage'));
}

t.test('kept, forgotten', async (t) => {
  const kept = new Map<string, string>();
  storage(t, kept);
  t.equal(keptRun(run.hash), undefined);
  keepRun(run);
  t.same(keptRun(run.hash), run);
  t.equal(keptRun(''), undefined, 'that of another link is not taken');
  for (const damaged of ['{', 'null', '{"hash":"#session=x","text":"a"}', '{"hash":"#session=x","text":"a","at":{}}']) {
    kept.forEach((_, key) => kept.set(key, damaged));
    t.equal(keptRun(run.hash), undefined, damaged);
  }
  keepRun(run);
  forgetKept();
  t.equal(keptRun(run.hash), undefined);
});

t.test('a run and a machine take the place of each other', async (t) => {
  const kept = new Map<string, string>();
  storage(t, kept);
  keepRun(run);
  t.equal(keptSession(run.hash), undefined);
  keepSession(run.hash, machine);
  t.same(keptSession(run.hash), machine);
  t.equal(keptRun(run.hash), undefined);
  t.equal(keptSession(''), undefined, 'that of another link is not taken');
  keepRun(run);
  t.equal(keptSession(run.hash), undefined);
  t.same(keptRun(run.hash), run);
  keepSession(run.hash, machine);
  forgetKept();
  t.equal(keptSession(run.hash), undefined);
  for (const damaged of ['{', 'null', '{"hash":"","session":"x"}', '{"hash":"","session":5,"isStanding":true}']) {
    keepSession('', machine);
    kept.forEach((_, key) => kept.set(key, damaged));
    t.equal(keptSession(''), undefined, damaged);
  }
});

t.test('at an instant', async (t) => {
  const kept = new Map<string, string>();
  storage(t, kept);
  const places = [1, 2].map((step) => ({ step, part: 0, title: `step ${step}`, atMs: 100 * step }));
  const [at, next] = places as [PlaceShown, PlaceShown];
  const inside = { machine: 1, virtualMs: 150.5 };
  keepRun(toKeep('', { text: 'name: x\n', at, places, inside }));
  const there = keptRun('');
  t.same(there, {
    hash: '',
    text: 'name: x\n',
    at: { step: 1, part: 0 },
    within: { inside, next: { step: 2, part: 0 } },
  });
  t.same(there && wayBack(there, at), { do: 'goOn', all: false }, 'a run that comes back goes through it first');
  t.same(there && wayBack(there, next), { do: 'goTo', moment: { step: 1, part: 0 }, inside });
  t.equal(there && wayBack(there, { step: 3, part: 0 }), undefined);
  for (const damaged of [{}, { inside, next: {} }, { inside: { machine: 1 }, next }]) {
    kept.forEach((_, key) => kept.set(key, JSON.stringify({ ...there, within: damaged })));
    t.equal(keptRun(''), undefined, JSON.stringify(damaged));
  }
  t.same(toKeep('', { text: '', at: next, places }), { hash: '', text: '', at: { step: 2, part: 0 } }, 'at a place');
});

t.test('a browser that keeps nothing', async (t) => {
  keepRun(run);
  forgetKept();
  t.equal(keptRun(run.hash), undefined);
  let isFull = true;
  storage(t, new Map(), () => isFull);
  keepRun(run);
  t.equal(keptRun(run.hash), undefined, 'nor has room');
  isFull = false;
  keepRun(run);
  isFull = true;
  keepSession(run.hash, machine);
  t.equal(keptSession(run.hash), undefined, 'nor room for more');
  t.equal(keptRun(run.hash), undefined, 'what was there before is not where the tab is');
});
