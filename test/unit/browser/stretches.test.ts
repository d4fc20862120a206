// SPDX-License-Identifier: MIT
/** A run in stretches does the same as the run as a whole, and can go on from each place where it stood. */
import t from 'tap';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent } from '../../../emulator/engines/fake/script.js';
import { runInto } from '../../../emulator/host/browser/session/recall/inside.js';
import {
  restOf,
  runInStretches,
  withMore,
  type Between,
} from '../../../emulator/host/browser/session/recall/stretches.js';
import type {
  Asked,
  Checkpoint,
  Engine,
  Machine,
  MachineConfig,
  RunReport,
} from '../../../emulator/machine/contract.js';
import { gpa, sector } from '../../../emulator/machine/units.js';
import { bytes, sha256, SMALL } from './fixtures/fake-machine.js';

const whole: MachineConfig = { ...SMALL, disks: [{ base: new Uint8Array(4096) }] };
/** Does all that a machine can do, a little at a time. */
const busy: FakeEvent = {
  do: 'look',
  then: () => [
    { do: 'work', instructions: 700_000 },
    { do: 'console', text: 'x' },
    { do: 'marker', kind: 7 },
    { do: 'write', disk: 0, sector: sector(1), bytes: new Uint8Array(512).fill(3) },
    { do: 'agent', bytes: bytes('y') },
    { do: 'sleep', ms: 1.3 },
    busy,
  ],
};
const script: readonly FakeEvent[] = [
  { do: 'receive', then: ({ received }) => [{ do: 'poke', gpa: gpa(100), bytes: received }, busy] },
];
const engine: Engine = createFakeEngine({ script: () => script, sha256 });

/** A machine that has run, so that it is known where it stands. */
async function begun(): Promise<{ readonly machine: Machine; readonly beginMs: number }> {
  const machine = await engine.powerOn(whole);
  const { virtualMs } = await machine.run({ virtualMsMax: 3 });
  return { machine, beginMs: virtualMs };
}

const send: Asked['send'] = [{ channel: 'agent', bytes: bytes('q') }];
/** A report with hashes for memories, which are compared faster. */
const brief = ({ captures, ...report }: RunReport) => ({
  ...report,
  captures: captures.map(({ memory, ...of }) => ({ ...of, memory: sha256([memory]) })),
});

const REQUESTS: Readonly<Record<string, Asked>> = {
  'a time': { send, virtualMsMax: 200 },
  'a marker': {
    send,
    virtualMsMax: 1000,
    triggers: [
      { when: { on: 'marker', kind: 9 }, then: { do: 'stop' } },
      { when: { on: 'marker', kind: 7, nth: 2 }, then: { do: 'capture', label: 'second' } },
      { when: { on: 'marker', kind: 7, nth: 50 }, then: { do: 'capture', label: 'fiftieth' } },
      { when: { on: 'marker', kind: 7, nth: 60 }, then: { do: 'stop' } },
    ],
  },
  'a write to a sector': {
    send,
    virtualMsMax: 1000,
    triggers: [
      {
        when: { on: 'writeTo', disk: 0, sectors: { first: sector(1), count: 1 }, nth: 40 },
        then: { do: 'cutPower', sectorsWritten: 0 },
      },
    ],
  },
  'a write': {
    send,
    virtualMsMax: 1000,
    triggers: [{ when: { on: 'write', disk: 0, index: 30 }, then: { do: 'stop' } }],
  },
  'an instruction': {
    send,
    virtualMsMax: 1000,
    triggers: [
      { when: { on: 'instruction', count: 9_000_000 }, then: { do: 'flip', gpa: gpa(200), xor: bytes('a') } },
      { when: { on: 'instruction', count: 30_000_000 }, then: { do: 'stop' } },
    ],
  },
};

for (const [until, asked] of Object.entries(REQUESTS))
  t.test(`until ${until}`, async (t) => {
    const one = await begun();
    const expected = await one.machine.run(asked);
    const expectedHash = await one.machine.stateHash();

    const { machine, beginMs } = await begun();
    const stood: { readonly at: Between; readonly checkpoint: Checkpoint }[] = [];
    let nowMs = 0;
    const report = await runInStretches(machine, asked, {
      // Each stretch takes so long that the next one is shorter, until they are ticks.
      now: () => (nowMs += 400),
      between: async (at) => void stood.push({ at, checkpoint: await machine.checkpoint() }),
    });
    t.same(brief(report), brief(expected), 'the same report');
    t.equal(await machine.stateHash(), expectedHash);
    t.ok(stood.length > 5, `it stood ${stood.length} times`);

    for (const { at, checkpoint } of [stood[0], stood[5], stood.at(-1)].filter((one) => one !== undefined)) {
      const again = await engine.restore(whole, checkpoint);
      const more = await runInto(again, restOf(asked, at, beginMs), expected.virtualMs);
      const { console, markers, writes } = withMore(expected, at, more);
      t.same(
        { console, markers, writes },
        { console: expected.console, markers: expected.markers, writes: expected.writes },
      );
      t.equal(more.instructions, expected.instructions, 'to the same end from there');
      t.equal(await again.stateHash(), expectedHash);
      await again.close();
    }
    await Promise.all([one.machine.close(), machine.close()]);
  });

t.test('a run stands where it is to stop', async (t) => {
  const asked = { send, virtualMsMax: 200 };
  const one = await begun();
  const expected = await one.machine.run(asked);
  const into = await begun();
  const stopAtMs = into.beginMs + 50;
  const there = await runInto(into.machine, asked, stopAtMs);
  const { machine } = await begun();
  const stood: number[] = [];
  const report = await runInStretches(machine, asked, {
    now: () => 0,
    stopAtMs,
    between: ({ virtualMs }) => Promise.resolve(void stood.push(virtualMs)),
  });
  t.same(brief(report), brief(expected), 'and does the same as otherwise');
  t.ok(stood.includes(there.virtualMs), `${there.virtualMs} is among ${stood.join(', ')}`);
  const gone = await begun();
  const left = runInStretches(gone.machine, asked, {
    now: () => 0,
    stopAtMs,
    between: ({ virtualMs }) => (virtualMs < stopAtMs ? Promise.resolve() : Promise.reject(new Error('left'))),
  });
  await t.rejects(left, { message: 'left' });
  t.equal(await gone.machine.stateHash(), await into.machine.stateHash(), 'it does not go on when that rejects');
  for (const { machine } of [one, into, gone]) await machine.close();
  await machine.close();
});

t.test('what is run into is not run beyond', async (t) => {
  const { machine, beginMs } = await begun();
  const asked = { send, virtualMsMax: 200 };
  const part = await runInto(machine, asked, beginMs + 50);
  t.ok(part.virtualMs >= beginMs + 50 && part.virtualMs < beginMs + 53);
  const [other] = [await begun()];
  const tick = await runInto(other.machine, asked, beginMs);
  t.ok(tick.virtualMs < beginMs + 3, 'one tick at least');
  await Promise.all([machine.close(), other.machine.close()]);
});
