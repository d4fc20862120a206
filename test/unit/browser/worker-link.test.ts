// SPDX-License-Identifier: MIT
/** A worker of a session that never starts, fails, or is only late. */
import t from 'tap';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';
import { next, START, type SessionState } from '../../../emulator/host/browser/session/state.js';
import { followWorker, type SessionWorker } from '../../../emulator/host/browser/session/worker-link.js';

/** A worker that does nothing by itself, and what the page shows of it. */
function harness() {
  const listeners = new Map<string, (event: never) => void>();
  const did: string[] = [];
  let state: SessionState = START;
  let silent = (): void => undefined;
  const worker: SessionWorker = {
    postMessage: () => undefined,
    terminate: () => void did.push('terminated'),
    addEventListener: (type: string, listener: (event: never) => void) => void listeners.set(type, listener),
  };
  const timers = {
    after(ms: number, act: () => void) {
      did.push(`in ${ms} ms`);
      silent = act;
      return () => {
        silent = () => undefined;
      };
    },
  };
  followWorker(worker, (message) => (state = next(state, message)), timers);
  return {
    did,
    said: () => `${state.phase}: ${state.said}`,
    wait: () => silent(),
    tell: (data: FromSession) => listeners.get('message')?.({ data } as never),
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
