// SPDX-License-Identifier: MIT
import t from 'tap';
import { concat } from '../../../emulator/machine/bytes.js';
import { record, stillArmed, type ArmedTrigger } from '../../../emulator/cycle/recorder.js';
import type { Machine, MarkerSeen, RunReport, RunRequest } from '../../../emulator/machine/contract.js';
import { sector } from '../../../emulator/machine/units.js';

const marker = (kind: number, instruction = 0): MarkerSeen => ({ kind, word0: 0, word1: 0, instruction, virtualMs: 0 });
const report = (over: Partial<RunReport>): RunReport => ({
  reason: { why: 'timeout' },
  console: new Uint8Array(),
  agent: new Uint8Array(),
  markers: [],
  captures: [],
  writes: [],
  instructions: 0,
  virtualMs: 0,
  beginMs: 0,
  ...over,
});
const stopAt = (kind: number, nth?: number): ArmedTrigger => ({
  when: { on: 'marker', kind, ...(nth !== undefined && { nth }) },
  then: { do: 'stop' },
});

t.test('markers are counted over runs, and a trigger fires once', (t) => {
  const after = (armed: readonly ArmedTrigger[], kinds: readonly number[]) =>
    stillArmed(armed, report({ markers: kinds.map((kind) => marker(kind)) }));
  t.same(after([stopAt(7, 3)], [7, 8]), [stopAt(7, 2)]);
  t.same(after([stopAt(7, 2)], [7, 7]), []);
  t.same(after([stopAt(7)], [8]), [stopAt(7, 1)]);
  const at: ArmedTrigger = { when: { on: 'instruction', count: 100 }, then: { do: 'stop' } };
  t.same(stillArmed([at], report({ instructions: 99 })), [at]);
  t.same(stillArmed([at], report({ instructions: 100 })), []);
  const to: ArmedTrigger = {
    when: { on: 'writeTo', disk: 0, sectors: { first: sector(8), count: 2 }, nth: 2 },
    then: { do: 'cutPower' },
  };
  const wrote = (...sectors: readonly number[]) =>
    report({ writes: [sectors.map((one) => ({ instruction: 1, sector: sector(one), bytes: new Uint8Array(1024) }))] });
  t.same(stillArmed([to], wrote(5, 6, 10)), [to], 'none of these reaches the sectors');
  t.same(stillArmed([to], wrote(7)), [{ ...to, when: { ...to.when, nth: 1 } }]);
  t.same(stillArmed([to], wrote(8, 9)), []);
  t.end();
});

t.test('all that runs show is kept, in order, after what was seen before', async (t) => {
  const requests: RunRequest[] = [];
  const reports = [
    report({
      console: Uint8Array.of(2),
      markers: [marker(7, 20)],
      writes: [[{ instruction: 20, sector: sector(5), bytes: new Uint8Array(512) }]],
      instructions: 30,
      virtualMs: 3,
    }),
    report({
      console: Uint8Array.of(3),
      captures: [{ label: 'here', marker: undefined, memory: new Uint8Array(1) }],
      instructions: 40,
      virtualMs: 4,
    }),
  ];
  const machine = {
    engine: 'test',
    run: (request: RunRequest) => (requests.push(request), Promise.resolve(reports.shift())),
  } as unknown as Machine;
  const recorder = record(machine, {
    diskCount: 1,
    before: { console: Uint8Array.of(1), markers: [marker(1)], writes: [[]], instructions: 10, virtualMs: 1 },
  });
  recorder.arm([stopAt(7)]);
  await recorder.machine.run({ virtualMsMax: 1, triggers: [stopAt(9)] });
  await recorder.machine.run({ virtualMsMax: 1 });
  t.same(
    requests.map(({ triggers }) => triggers),
    [[stopAt(9), stopAt(7)], []],
  );
  const seen = recorder.seen();
  t.same([...seen.console], [1, 2, 3]);
  t.same(
    seen.markers.map(({ kind }) => kind),
    [1, 7],
  );
  t.equal(seen.writes[0]?.length, 1);
  t.match(seen, { instructions: 40, virtualMs: 4 });
  t.match(recorder.takeCaptures(), [{ label: 'here' }]);
  t.same(recorder.takeCaptures(), []);
});

t.test('the screen of a machine that has one', async (t) => {
  const machine = { engine: 'test', readScreen: () => Promise.resolve(['# ls']) } as unknown as Machine;
  t.same(await record(machine, { diskCount: 0 }).machine.readScreen?.(), ['# ls']);
  t.notOk('readScreen' in record({ engine: 'test' } as unknown as Machine, { diskCount: 0 }).machine);
});

t.test('how much of a wait has passed, over all the runs that it is made of', async (t) => {
  let nowMs = 500;
  const machine = {
    run: ({ onProgress, virtualMsMax }: RunRequest) => {
      nowMs += virtualMsMax / 2;
      onProgress?.(0, nowMs);
      return Promise.resolve(report({ virtualMs: nowMs }));
    },
  } as unknown as Machine;
  const told: unknown[] = [];
  const before = { console: new Uint8Array(), markers: [], writes: [], instructions: 0, virtualMs: 500 };
  const { machine: recorded } = record(machine, { diskCount: 0, before, onProgress: (waited) => told.push(waited) });
  await recorded.run({ virtualMsMax: 8000 });
  await recorded.run({ virtualMsMax: 4000 });
  await recorded.run({ virtualMsMax: 1000 });
  t.same(told, [
    { passedMs: 4000, ofMs: 8000 },
    { passedMs: 6000, ofMs: 8000 },
    { passedMs: 500, ofMs: 1000 },
  ]);
});

t.test('parts become one', (t) => {
  t.same([...concat([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)])], [1, 2, 3]);
  t.same([...concat([])], []);
  t.end();
});

t.test('the console of a run that fails is kept', async (t) => {
  const machine = {
    engine: 'test',
    run: ({ onConsole }: RunRequest) => {
      onConsole?.(Uint8Array.of(2));
      onConsole?.(Uint8Array.of(3));
      return Promise.reject(new Error('the worker is gone'));
    },
  } as unknown as Machine;
  const heard: number[] = [];
  const recorder = record(machine, {
    diskCount: 1,
    before: { console: Uint8Array.of(1), markers: [], writes: [[]], instructions: 10, virtualMs: 1 },
    onConsole: (bytes) => heard.push(...bytes),
  });
  await t.rejects(recorder.machine.run({ virtualMsMax: 1 }), { message: 'the worker is gone' });
  t.same([...recorder.seen().console], [1, 2, 3]);
  t.same(heard, [2, 3]);
});

t.test('what is written is told while a machine runs', async (t) => {
  const written = { markers: [marker(7)], writes: [[]], instructions: 5, virtualMs: 1 };
  const machine = {
    run: ({ onWritten }: RunRequest) => {
      onWritten?.(written);
      return Promise.resolve(report({}));
    },
  } as unknown as Machine;
  const told: unknown[] = [];
  const { machine: recorded } = record(machine, { diskCount: 1, onWritten: (one) => told.push(one) });
  await recorded.run({ virtualMsMax: 1 });
  await recorded.run({ virtualMsMax: 1 });
  t.same(told, [written, written]);
});

t.test('a power cut loses what no flush has brought to the disks', async (t) => {
  const write = (at: number) => ({ instruction: at, sector: sector(at), bytes: new Uint8Array(512) });
  const start = (reports: RunReport[]) => {
    const machine = { engine: 'test', run: () => Promise.resolve(reports.shift()) } as unknown as Machine;
    return record(machine, { diskCount: 2 });
  };
  const first = report({ writes: [[write(1), write(2)], [write(3)]], unflushed: [1, 0] });
  const second = report({ writes: [[write(4)], []], unflushed: [2, 0] });
  const kept = (recorder: ReturnType<typeof start>) =>
    recorder.seen().writes.map((of) => of.map(({ instruction }) => instruction));

  const cutInRun = start([first, { ...second, reason: { why: 'powerCut' } }]);
  await cutInRun.machine.run({ virtualMsMax: 1 });
  await cutInRun.machine.run({ virtualMsMax: 1 });
  t.same(kept(cutInRun), [[1], [3]]);
  const cutBetween = start([first, second]);
  await cutBetween.machine.run({ virtualMsMax: 1 });
  await cutBetween.machine.run({ virtualMsMax: 1 });
  t.same(kept(cutBetween), [[1, 2, 4], [3]]);
  cutBetween.cutPower();
  t.same(kept(cutBetween), [[1], [3]]);
  await t.rejects(cutBetween.machine.run({ virtualMsMax: 1 }), /power has been cut/);
});
