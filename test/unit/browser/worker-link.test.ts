// SPDX-License-Identifier: MIT
/** A worker of a session that never starts, fails, ends by itself, falls silent, or is only late. */
import t from 'tap';
import type { Holds } from '../../../emulator/engines/v86/host-browser/lifeline.js';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import { followWorker, type SessionWorker } from '../../../emulator/host/browser/session/worker-link.js';

/** A worker that does nothing by itself, and what the page shows of it. */
function harness() {
  const listeners = new Map<string, (event: never) => void>();
  const did: string[] = [];
  let state: SessionState = START;
  let silent = (): void => undefined;
  let look: (() => void) | undefined;
  let nowMs = 7000;
  let close = (): void => undefined;
  const worker: SessionWorker = {
    postMessage: () => undefined,
    terminate: () => void did.push('terminated'),
    addEventListener: (type: string, listener: (event: never) => void) => void listeners.set(type, listener),
  };
  const timers = {
    every(_ms: number, act: () => void) {
      look = act;
      return () => {
        look = undefined;
      };
    },
    after(ms: number, act: () => void) {
      did.push(`in ${ms} ms`);
      silent = act;
      return () => {
        silent = () => undefined;
      };
    },
  };
  const leave = followWorker(
    worker,
    (message) => (state = next(state, message)),
    timers,
    () => nowMs,
    60_000,
    ({ holds }, onEnd) => {
      did.push(`waits for ${holds}`);
      close = onEnd;
    },
  );
  return {
    did,
    isSilent: () => state.isSilent,
    isWatched: () => look !== undefined,
    /** The page looks `looks` times, each `afterMs` after the one before. */
    pass(looks: number, afterMs = 1000) {
      for (let one = 0; one < looks; one++) {
        nowMs += afterMs;
        look?.();
      }
    },
    said: () => `${state.phase}: ${state.said}`,
    wait: () => silent(),
    leave,
    close: () => close(),
    tell: (data: FromSession | Holds) => listeners.get('message')?.({ data } as never),
    fail: (type: string, event: { readonly message?: string } = {}) => listeners.get(type)?.(event as never),
  };
}

t.test('a worker that runs is waited for', async (t) => {
  const { did, said, wait, tell } = harness();
  t.same(did, ['in 60000 ms']);
  tell({ tell: 'alive' });
  tell({ tell: 'restoring' });
  wait();
  t.equal(said(), 'starting: restoring the machine');
});

t.test('a worker that never starts is told, and goes on when it was only late', async (t) => {
  const { did, said, wait, tell } = harness();
  wait();
  t.equal(
    said(),
    'failed: the session has not started for 60 s; what to do: reload the page, and close other pages that work',
  );
  tell({ tell: 'alive' });
  t.equal(said(), 'starting: starting');
  t.same(did, ['in 60000 ms'], 'it has not been ended');
});

t.test('a worker that fails is ended, and nothing that it tells is shown', async (t) => {
  for (const [type, event, why] of [
    ['error', {}, 'its program could not be loaded'],
    ['error', { message: 'out of memory' }, 'out of memory'],
    ['messageerror', {}, 'a message of it could not be read'],
  ] as const) {
    const { did, said, wait, tell, fail } = harness();
    fail(type, event);
    tell({ tell: 'restoring' });
    wait();
    t.equal(said(), `failed: the session has ended: ${why}; what to do: reload the page`);
    t.same(did, ['in 60000 ms', 'terminated']);
  }
});

t.test('a worker that falls silent is told, until it tells something again', async (t) => {
  const { did, said, isSilent, pass, tell } = harness();
  pass(100);
  t.notOk(isSilent(), 'one that has not started is told in another way');
  tell({ tell: 'alive' });
  tell({ tell: 'restoring' });
  for (let sign = 0; sign < 50; sign++) {
    pass(2);
    tell({ tell: 'alive' });
  }
  t.notOk(isSilent());
  t.equal(said(), 'starting: restoring the machine', 'signs of life say nothing else');
  pass(29);
  t.notOk(isSilent());
  pass(1);
  t.ok(isSilent());
  t.equal(said(), 'starting: restoring the machine', 'which is kept for later');
  t.same(did, ['in 60000 ms'], 'it has not been ended');
  tell({ tell: 'alive' });
  t.notOk(isSilent());
  t.equal(said(), 'starting: restoring the machine');
  pass(30);
  t.ok(isSilent(), 'and again');
  tell({ tell: 'scenarios', scenarios: [] });
  t.notOk(isSilent(), 'each message is a sign');
});

t.test('only time in which the page was awake counts', async (t) => {
  const { isSilent, pass, tell } = harness();
  tell({ tell: 'alive' });
  pass(20);
  pass(1, 3_600_000);
  t.notOk(isSilent(), 'the host has slept');
  pass(100, 60_000);
  t.notOk(isSilent(), 'a tab in the background');
  pass(9, 1100);
  t.notOk(isSilent());
  pass(1, 1100);
  t.ok(isSilent(), 'what counted before still counts');
});

t.test('a worker that has failed is not listened to', async (t) => {
  const { said, isSilent, isWatched, pass, tell, fail } = harness();
  tell({ tell: 'alive' });
  pass(30);
  t.ok(isSilent());
  fail('error', { message: 'out of memory' });
  t.notOk(isSilent(), 'its failure is shown');
  t.notOk(isWatched());
  tell({ tell: 'alive' });
  t.equal(said(), 'failed: the session has ended: out of memory; what to do: reload the page');
});

t.test('a worker that ends by itself is told, once', async (t) => {
  const { did, said, tell, close, fail } = harness();
  tell({ tell: 'alive' });
  tell({ holds: 'its lock' });
  tell({ tell: 'restoring' });
  t.equal(said(), 'starting: restoring the machine');
  close();
  const ended = 'failed: the session has ended: its worker has been closed; what to do: reload the page';
  t.equal(said(), ended);
  fail('error', { message: 'something else' });
  t.equal(said(), ended);
  t.same(did, ['in 60000 ms', 'waits for its lock', 'terminated']);
});

t.test('a page that leaves its worker says nothing of its end', async (t) => {
  const { did, said, tell, close, leave, isWatched } = harness();
  tell({ tell: 'alive' });
  tell({ holds: 'its lock' });
  leave();
  close();
  tell({ tell: 'restoring' });
  t.equal(said(), 'starting: starting');
  t.notOk(isWatched());
  t.same(did, ['in 60000 ms', 'waits for its lock', 'terminated']);
});
