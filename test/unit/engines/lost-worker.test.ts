// SPDX-License-Identifier: MIT
/** Workers that end by themselves: whoever waits for an answer is told at once, and nobody gets such a worker for a new machine. */
import t from 'tap';
import { holdLock, isHolds, whenEnded, type Locks } from '../../../emulator/engines/v86/host-browser/lifeline.js';
import type { FromWorker, Request, ToWorker, WorkerPort } from '../../../emulator/engines/v86/protocol.js';
import { createRemoteEngine } from '../../../emulator/engines/v86/remote-engine.js';
import type { Engine, Machine } from '../../../emulator/machine/contract.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { gpa } from '../../../emulator/machine/units.js';
import { spinningConfig } from './fixtures/spinning.js';

/** A worker that answers what a machine needs to be made, and nothing else. */
class FakeWorker implements WorkerPort {
  static readonly MADE_BY: readonly Request['ask'][] = ['make', 'load', 'equip'];
  readonly asked: Request['ask'][] = [];
  terminated = 0;
  private listener: (message: FromWorker) => void = () => undefined;
  private failed: (cause: Error) => void = () => undefined;

  post(message: ToWorker): void {
    if (message.kind === 'abort') return;
    const { id, request } = message;
    this.asked.push(request.ask);
    if (FakeWorker.MADE_BY.includes(request.ask))
      queueMicrotask(() => this.listener({ kind: 'answer', id, value: true }));
  }
  onMessage(listener: (message: FromWorker) => void): void {
    this.listener = listener;
    queueMicrotask(() => listener({ kind: 'alive' }));
  }
  onFailure(listener: (cause: Error) => void): void {
    this.failed = listener;
  }
  setSpare(): void {
    // It is the same for the test.
  }
  terminate(): Promise<void> {
    this.terminated += 1;
    return Promise.resolve();
  }
  /** As the host tells it. */
  end(): void {
    this.failed(new Error('it has ended'));
  }
}

/** An engine whose workers can be ended one by one, and in which no time passes. */
function harness(): { readonly engine: Engine; readonly workers: readonly FakeWorker[] } {
  const workers: FakeWorker[] = [];
  const engine = createRemoteEngine({
    spawn() {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    },
    v86Module: () => WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
    timers: { every: () => () => undefined, after: () => () => undefined },
  });
  return { engine, workers };
}

const LOST = { name: RigError.name, message: "the machine's worker died: it has ended", remedy: /reload the page/ };

t.test('whatever is asked of a machine whose worker has ended', async (t) => {
  const asks: Readonly<Record<string, (machine: Machine) => Promise<unknown>>> = {
    run: (machine) => machine.run({ virtualMsMax: 1 }),
    read: (machine) => machine.readMemory(gpa(0), 1),
    capture: (machine) => machine.captureMemory(),
    screen: async (machine) => machine.readScreen?.(),
    share: (machine) => machine.readShare(),
    hash: (machine) => machine.stateHash(),
    checkpoint: (machine) => machine.checkpoint(),
  };
  for (const [name, ask] of Object.entries(asks)) {
    const { engine, workers } = harness();
    const machine = await engine.powerOn(spinningConfig);
    const asked = t.rejects(ask(machine), LOST, `${name}, which waits`);
    workers[0]?.end();
    await asked;
    t.same(workers[0]?.asked, ['make', 'equip', name]);
    await t.rejects(ask(machine), LOST, `${name}, later`);
  }
});

t.test('a worker that ends while it makes a machine', async (t) => {
  const { engine, workers } = harness();
  const made = t.rejects(engine.powerOn(spinningConfig), LOST);
  workers[0]?.end();
  await made;
  t.equal(workers[0]?.terminated, 1);
});

t.test('a worker that ends while it waits for its use is replaced', async (t) => {
  const { engine, workers } = harness();
  for (let made = 0; made < 2; made++) await engine.powerOn(spinningConfig);
  t.equal(workers.length, 3, 'the second machine leaves one that waits');
  workers[2]?.end();
  await engine.powerOn(spinningConfig);
  t.same([workers[2]?.asked, workers[3]?.asked], [[], ['make', 'equip']]);

  const checkpoint = { engine: engine.name, bytes: new Uint8Array(8) };
  const { disks } = spinningConfig;
  const config = { ...spinningConfig, disks };
  await engine.expect?.(config, checkpoint);
  const spare = workers.at(-1);
  t.same(spare?.asked, ['make', 'load'], 'a machine is made in advance');
  spare?.end();
  await engine.restore(config, checkpoint);
  t.same(spare?.asked, ['make', 'load'], 'which is not used');
});

/** The locks of a browser, in which a worker can end. */
function fakeLocks() {
  const held = new Map<string, (() => void)[]>();
  const locks: Locks = {
    async request(name, hold) {
      const waiting = held.get(name);
      if (waiting) await new Promise<void>((resolve) => waiting.push(resolve));
      held.set(name, []);
      await hold();
      held.delete(name);
    },
  };
  /** The browser ends the worker that holds all locks. */
  const release = (): void => {
    const all = [...held.values()].flat();
    held.clear();
    for (const resolve of all) resolve();
  };
  return { locks, release };
}

t.test('a worker in a browser that holds a lock ends', async (t) => {
  const { locks, release } = fakeLocks();
  const told: object[] = [];
  holdLock((message) => told.push(message), locks);
  holdLock((message) => told.push(message), locks);
  t.equal(new Set(told.filter(isHolds).map(({ holds }) => holds)).size, 2, 'each worker has a lock of its own');
  let ends = 0;
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (const message of told.filter(isHolds)) whenEnded(message, () => (ends += 1), locks);
  await settle();
  t.equal(ends, 0);
  release();
  await settle();
  t.equal(ends, 2);
  t.notOk(isHolds({ kind: 'alive' }));
});

t.test('a browser that forbids locks', async (t) => {
  const told: object[] = [];
  const locks: Locks = { request: () => Promise.reject(new Error('forbidden')) };
  holdLock((message) => told.push(message), locks);
  whenEnded({ holds: 'x' }, () => told.push({}), locks);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(told, [], 'tells nothing, and nothing fails');
});
