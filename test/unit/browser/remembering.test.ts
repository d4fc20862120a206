// SPDX-License-Identifier: MIT
/** An engine whose machines answer from memory what they were asked before. */
import t from 'tap';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent } from '../../../emulator/engines/fake/script.js';
import { createCheckpoints, type Checkpoints } from '../../../emulator/host/browser/session/recall/checkpoints.js';
import { rememberingEngine, type Remembering } from '../../../emulator/host/browser/session/recall/remembering.js';
import type { Taken, Visit, Visited } from '../../../emulator/host/browser/session/recall/visits.js';
import { isAlike } from '../../../emulator/machine/alike.js';
import type {
  Checkpoint,
  Engine,
  Machine,
  MachineConfig,
  RunReport,
  RunRequest,
} from '../../../emulator/machine/contract.js';
import { gpa, sector } from '../../../emulator/machine/units.js';
import { bytes, sha256, SMALL } from './fixtures/fake-machine.js';

const text = (of: Uint8Array): string => new TextDecoder().decode(of);

/** Echoes what it gets, writes it to memory and to the disk, and tells by a marker. */
const echo: FakeEvent = {
  do: 'receive',
  then: ({ received }) => [
    { do: 'poke', gpa: gpa(received[0] ?? 0), bytes: received },
    { do: 'console', text: text(received) },
    { do: 'write', disk: 0, sector: sector(1), bytes: new Uint8Array(512).fill(received[0] ?? 0) },
    { do: 'marker', kind: 7 },
    { do: 'work', instructions: 1_000_000 },
    echo,
  ],
};
const whole: MachineConfig = { ...SMALL, disks: [{ base: new Uint8Array(4096) }] };

/** What was asked of the engine below. */
interface Counted {
  made: number;
  restored: number;
  runs: number;
  closed: number;
}

function counted(script: readonly FakeEvent[] = [echo]): { readonly engine: Engine; readonly count: Counted } {
  const engine = createFakeEngine({ script: () => script, sha256 });
  const count: Counted = { made: 0, restored: 0, runs: 0, closed: 0 };
  const of = (machine: Machine): Machine => ({
    ...machine,
    run(request) {
      count.runs += 1;
      return machine.run(request);
    },
    close() {
      count.closed += 1;
      return machine.close();
    },
  });
  return {
    count,
    engine: {
      ...engine,
      async powerOn(with_) {
        count.made += 1;
        return of(await engine.powerOn(with_));
      },
      async restore(with_, checkpoint) {
        count.restored += 1;
        return of(await engine.restore(with_, checkpoint));
      },
    },
  };
}

interface Remembered extends Remembering {
  readonly checkpoints: Checkpoints;
  /** A run begins that goes to a place or to an instant. */
  readonly beginTo: (to: string | Visit) => void;
}

/** Each run takes a quarter of a second of the host. */
function remembering(engine: Engine, bytesMax = 1e9): Remembered {
  let nowMs = 0;
  const checkpoints = createCheckpoints({
    bytesMax,
    gridsOf({ bytes }) {
      if (bytes.length === whole.memoryMiB << 20) throw new Error('this is no checkpoint but a memory');
      return [];
    },
  });
  const made = rememberingEngine(engine, { checkpoints, firstLine: 1000, now: () => (nowMs += 250) });
  return {
    ...made,
    checkpoints,
    beginTo(to) {
      made.prepare(to);
      made.beginPrepared(typeof to === 'object' ? to.visit : () => Promise.reject(new Error('this is no instant')));
    },
  };
}

const asks = (word: string): RunRequest => ({
  virtualMsMax: 20,
  send: [{ channel: 'agent', bytes: bytes(word) }],
  triggers: [{ when: { on: 'marker', kind: 7 }, then: { do: 'capture', label: word } }],
});

/** A report with hashes for memories, which are compared faster. */
const brief = ({ captures, ...report }: RunReport) => ({
  ...report,
  captures: captures.map(({ memory, ...of }) => ({ ...of, memory: sha256([memory]) })),
});

async function runs(machine: Machine, words: readonly string[]): Promise<ReturnType<typeof brief>[]> {
  const reports: ReturnType<typeof brief>[] = [];
  for (const word of words) reports.push(brief(await machine.run(asks(word))));
  return reports;
}

const WORDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

t.test('a machine that is asked the same again does not run', async (t) => {
  const { engine, count } = counted();
  const plain = await engine.powerOn(whole);
  const expected = await runs(plain, WORDS);
  const expectedHash = await plain.stateHash();
  const { engine: again } = remembering(engine);
  const first = await again.powerOn(whole);
  t.same(await runs(first, WORDS), expected, 'the first one runs as any machine');
  t.equal(await first.stateHash(), expectedHash);
  await first.close();

  const before = { ...count };
  const second = await again.powerOn({ ...whole, disks: [{ base: whole.disks[0]?.base ?? new Uint8Array(0) }] });
  const shown: string[] = [];
  const reports: ReturnType<typeof brief>[] = [];
  const written: number[] = [];
  for (const word of WORDS)
    reports.push(
      brief(
        await second.run({
          ...asks(word),
          onConsole: (piece) => shown.push(text(piece)),
          onWritten: ({ markers, writes }) => written.push(markers.length, writes[0]?.length ?? 0),
        }),
      ),
    );
  t.same(reports, expected);
  t.same(shown, WORDS, 'it shows what it showed');
  t.same(
    written,
    WORDS.flatMap(() => [1, 1]),
    'and what it wrote',
  );
  t.equal(await second.stateHash(), expectedHash);
  t.same(count, before, 'nothing was asked of the engine');
  await second.close();

  const other = await again.powerOn({ ...whole, seed: 2 });
  await runs(other, ['a']);
  t.equal(count.made, before.made + 1, 'a machine with another config runs');
  await other.close();
});

t.test('a machine that is asked something else goes on from the nearest checkpoint', async (t) => {
  const { engine, count } = counted();
  const { engine: again, stand } = remembering(engine);
  const first = await again.powerOn(whole);
  await runs(first, WORDS.slice(0, 6));
  await stand('here');
  await runs(first, WORDS.slice(6));
  await first.close();

  const plain = await engine.powerOn(whole);
  const expected = await runs(plain, [...WORDS.slice(0, 7), 'x']);
  const before = { ...count };
  const second = await again.powerOn(whole);
  t.same(await runs(second, [...WORDS.slice(0, 7), 'x']), expected);
  t.equal(count.restored, before.restored + 1, 'it was restored where the first one stood');
  t.equal(count.made, before.made);
  t.equal(count.runs, before.runs + 2, 'and only ran on from there');
  t.equal(await second.stateHash(), await plain.stateHash());
  t.same(await second.readMemory(gpa(120), 1), bytes('x'));
  await second.close();

  const third = await again.powerOn(whole);
  await runs(third, WORDS.slice(0, 7));
  const ran = count.runs;
  await runs(third, ['h']);
  t.equal(count.runs, ran, 'what the first one did there is remembered, too');
  await stand('here');
  t.ok(count.runs > ran, 'until it is to stand');
  const [one, two] = await Promise.all([third.readShare(), third.captureMemory()]);
  t.equal(one, undefined);
  t.equal(two.length, 1 << 20);
  await third.close();
  t.equal(count.closed, count.made + count.restored - 1, 'all but the one without a memory are closed');
  await t.rejects(third.captureMemory(), { message: 'the machine has been ended' });
  await stand('here');
});

t.test('the machine of the place to which a run goes is made while it comes there', async (t) => {
  const { engine, count } = counted();
  const { engine: again, begin, beginTo, stand } = remembering(engine);
  const to = WORDS.slice(0, 6);
  begin();
  const first = await again.powerOn(whole);
  await runs(first, to);
  await stand('there');
  await runs(first, WORDS.slice(6));
  await first.close();
  await stand('the end');

  beginTo('there');
  await new Promise(setImmediate);
  const asked = { ...count };
  const second = await again.powerOn(whole);
  await runs(second, to);
  await stand('there');
  t.same(await second.readMemory(gpa(102), 1), bytes('f'));
  t.same(count, asked, 'nothing was asked of the engine since the run began');
  t.equal(count.restored, 1);
  await second.close();
  t.equal(count.closed, count.made + count.restored);

  beginTo('there');
  const third = await again.powerOn(whole);
  await runs(third, to.slice(0, 3));
  await stand('elsewhere');
  t.equal(count.made + count.restored, 4, 'where it does not come there, another one is made');
  await third.close();
  beginTo('there');
  beginTo('the end');
  await new Promise(setImmediate);
  t.equal(count.made + count.restored, 5, 'none is made for a place at which the machine had ended');
  t.equal(count.closed, 5, 'and none is left');
});

t.test('a machine that has ended is not made again', async (t) => {
  const { engine, count } = counted([{ do: 'receive', then: () => [{ do: 'console', text: 'off' }, { do: 'halt' }] }]);
  const { engine: again, begin, beginTo, stand } = remembering(engine);
  const live = async (machine: Machine): Promise<void> => {
    const { reason } = await machine.run(asks('a'));
    t.same(reason, { why: 'halted' });
    await stand('off');
    await machine.close();
  };
  begin();
  await live(await again.powerOn(whole));
  beginTo('off');
  await live(await again.powerOn(whole));
  t.equal(count.made + count.restored, 1);
});

t.test('a run stands within what it asks', async (t) => {
  const { engine, count } = counted();
  const { engine: again, begin, beginTo, beginPrepared, powersOn, prepare, stand } = remembering(engine);
  const shown: string[] = [];
  const written: number[] = [];
  const follow = async (machine: Machine, words: readonly string[]): Promise<ReturnType<typeof brief>[]> => {
    const reports: ReturnType<typeof brief>[] = [];
    for (const word of words)
      reports.push(
        brief(
          await machine.run({
            ...asks(word),
            onConsole: (piece) => shown.push(text(piece)),
            onWritten: ({ writes }) => written.push(writes[0]?.length ?? 0),
          }),
        ),
      );
    return reports;
  };
  begin();
  powersOn(1);
  const first = await again.powerOn(whole);
  const expected = await follow(first, WORDS);
  await first.close();
  await stand('the end');
  const whichEnds = count.closed;

  const plain = await engine.powerOn(whole);
  await runs(plain, ['a', 'b']);
  const there = await plain.run({ ...asks('c'), virtualMsMax: 10 });
  const memory = sha256([await plain.captureMemory()]);
  await plain.close();

  const visits: { readonly at: number; readonly memory: string; readonly shown: string }[] = [];
  const visit = async ({ machine, virtualMs, markers }: Visited): Promise<void> => {
    t.equal(markers.length, 3);
    visits.push({ at: virtualMs, memory: sha256([await machine.captureMemory()]), shown: shown.join('') });
  };
  const goTo = async (machine: number, virtualMs: number): Promise<typeof expected> => {
    beginTo({ machine, virtualMs, visit });
    shown.length = written.length = 0;
    powersOn(1);
    const second = await again.powerOn(whole);
    const reports = await follow(second, WORDS);
    await second.close();
    return reports;
  };
  t.same(await goTo(1, there.virtualMs - 0.001), expected);
  t.same(visits.splice(0), [{ at: there.virtualMs, memory, shown: 'abc' }], 'with what it had shown until then');
  t.equal(shown.join(''), WORDS.join(''), 'what it shows is shown once');
  t.same(
    written,
    WORDS.map(() => 1),
  );
  t.equal(count.closed, whichEnds + 2, 'the machine is closed when the visit is over');
  for (const atMs of [there.virtualMs, expected[2]?.virtualMs ?? 0]) {
    await goTo(1, atMs);
    t.equal(visits.splice(0)[0]?.at, atMs, 'an instant at which it has stood, also at the end of what was asked');
  }

  t.same(await goTo(1, 1e9), expected);
  t.same(await goTo(2, 50), expected);
  t.same(visits, [], 'where the run has not been, nobody stands');

  beginTo({ machine: 1, virtualMs: 50, visit });
  await new Promise(setImmediate);
  begin();
  await new Promise(setImmediate);
  t.equal(count.closed, count.made + count.restored, 'a machine to which the run does not come is closed');
  const early = await again.powerOn(whole);
  powersOn(1);
  await follow(early, ['a']);
  await early.close();
  t.same(await goTo(1, there.virtualMs - 0.001), expected);
  t.equal(visits.length, 1, 'a run that ended before does not make the rest unknown');

  visits.length = 0;
  prepare({ machine: 1, virtualMs: 50 });
  prepare('the end');
  beginPrepared(visit);
  powersOn(1);
  const other = await again.powerOn(whole);
  await follow(other, WORDS);
  await other.close();
  t.same(visits, [], 'only what was prepared last is gone to');

  let taken: Taken | undefined;
  beginTo({
    machine: 1,
    virtualMs: there.virtualMs - 0.001,
    visit({ take }) {
      taken = take();
      return Promise.reject(new Error('taken'));
    },
  });
  powersOn(1);
  const givenUp = await again.powerOn(whole);
  await t.rejects(follow(givenUp, WORDS), { message: 'taken' });
  await givenUp.close();
  t.equal(text(taken?.console ?? bytes('')), 'abc', 'all that its console has shown');
  const hash = await taken?.machine.stateHash();
  const checkpoint = (await taken?.machine.checkpoint()) as Checkpoint;
  await taken?.machine.run({ virtualMsMax: 5 });
  await taken?.machine.close();
  const remade = await taken?.make(checkpoint);
  t.equal(await remade?.stateHash(), hash, 'a machine that was taken can be made again, and runs');
  await remade?.close();

  beginTo({ machine: 1, virtualMs: 50, visit: () => Promise.reject(new Error('left')) });
  powersOn(1);
  const left = await again.powerOn(whole);
  await t.rejects(follow(left, WORDS), { message: 'left' });
  await left.close();
  t.equal(count.closed, count.made + count.restored);
});

t.test('within a long run there are checkpoints', async (t) => {
  const busy: FakeEvent = {
    do: 'look',
    then: () => [
      { do: 'work', instructions: 600_000 },
      { do: 'marker', kind: 8 },
      { do: 'write', disk: 0, sector: sector(2), bytes: new Uint8Array(512).fill(4) },
      busy,
    ],
  };
  const { engine, count } = counted([{ do: 'receive', then: () => [busy] }]);
  const { engine: again, begin, beginTo, powersOn, stand } = remembering(engine);
  const long: RunRequest = { virtualMsMax: 300, onWritten: () => undefined };
  begin();
  powersOn(1);
  const first = await again.powerOn(whole);
  const { markers: earlier } = await first.run(asks('a'));
  const expected = await first.run(long);
  const whichHash = await first.stateHash();
  await stand('the end');
  await first.close();
  const plain = await engine.powerOn(whole);
  await plain.run(asks('a'));
  t.same(await plain.run({ virtualMsMax: 300 }), expected, 'which change nothing');
  t.equal(await plain.stateHash(), whichHash);
  await plain.close();

  const before = { ...count };
  const toMs = expected.virtualMs - 0.6;
  let hash = '';
  beginTo({
    machine: 1,
    virtualMs: toMs,
    async visit({ machine, instructions, virtualMs, markers }) {
      t.ok(virtualMs >= toMs && virtualMs <= expected.virtualMs);
      t.same(
        markers,
        [...earlier, ...expected.markers.filter(({ instruction }) => instruction <= instructions)],
        'with all that it had sent',
      );
      hash = sha256([await machine.captureMemory()]);
    },
  });
  powersOn(1);
  const second = await again.powerOn(whole);
  await second.run(asks('a'));
  t.same(await second.run(long), expected);
  t.not(hash, '');
  t.same([count.made - before.made, count.restored - before.restored], [0, 1], 'one was restored within the run');
  t.ok(count.runs - before.runs <= 2, 'and ran on from there');
  await second.close();
  t.equal(count.closed, count.made + count.restored);
});

t.test('a machine goes on from a checkpoint that another gave', async (t) => {
  const { engine, count } = counted();
  const { engine: again } = remembering(engine);
  const first = await again.powerOn(whole);
  await runs(first, ['a']);
  const checkpoint = await first.checkpoint();
  t.equal(await first.checkpoint(), checkpoint, 'the same one');
  const restored = await again.restore(whole, checkpoint);
  await runs(restored, ['b']);
  const before = { ...count };
  const next = await again.restore(whole, { ...checkpoint, bytes: checkpoint.bytes.slice() });
  await runs(next, ['b']);
  t.same(count, before, 'known by its content');
  await Promise.all([first, restored, next].map((one) => one.close()));
});

t.test('a machine that many runs did not come to is forgotten', async (t) => {
  const { engine, count } = counted();
  const { engine: again, begin } = remembering(engine);
  const runOnce = async (): Promise<number> => {
    begin();
    const machine = await again.powerOn(whole);
    await runs(machine, ['a']);
    await machine.close();
    return count.runs;
  };
  t.equal(await runOnce(), 1);
  for (let run = 0; run < 5; run++) begin();
  t.equal(await runOnce(), 1);
  for (let run = 0; run < 20; run++) begin();
  t.equal(await runOnce(), 2);
});

t.test('what a run may read is held, and given up with the run', async (t) => {
  const { engine } = counted();
  const { engine: again, begin, checkpoints } = remembering(engine, 10 * 4096);
  const first = await again.powerOn(whole);
  await runs(first, ['a']);
  await first.close();
  begin();
  const second = await again.powerOn(whole);
  const report = await second.run(asks('a'));
  for (let line = 0; line < 40; line++)
    checkpoints.keep({ engine: 'x', bytes: new Uint8Array(65_536).fill(line + 1) }, line, 1e6);
  t.equal(report.captures[0]?.memory.length, 1 << 20, 'though much else has been kept since');
  begin();
  t.ok(checkpoints.shown().bytes <= 10 * 4096, 'then the budget holds again');
  await second.close();
});

t.test('without room for memories and checkpoints all is run again', async (t) => {
  const { engine, count } = counted();
  const { engine: again } = remembering(engine, 0);
  const first = await again.powerOn(whole);
  const expected = await runs(first, ['a', 'b', 'c']);
  await first.close();
  const before = { ...count };
  const second = await again.powerOn(whole);
  t.same(await runs(second, ['a', 'b', 'c']), expected);
  t.same({ ...count, closed: 0 }, { made: before.made + 1, restored: 0, runs: before.runs + 3, closed: 0 });
  await second.close();
});

t.test('behind a disk that fails there is no checkpoint', async (t) => {
  const { engine } = counted();
  const failing: Engine = {
    ...engine,
    async powerOn(with_) {
      const machine = await engine.powerOn(with_);
      return { ...machine, run: ({ triggers: _triggers, ...request }) => machine.run(request) };
    },
  };
  const { engine: again, stand, checkpoints } = remembering(failing);
  const first = await again.powerOn(whole);
  await first.run({
    virtualMsMax: 5,
    triggers: [
      {
        when: { on: 'write', disk: 0, index: 0 },
        then: { do: 'failDisk', disk: 0, failure: { requests: 'writes' } },
      },
    ],
  });
  await runs(first, WORDS);
  await stand('here');
  t.equal(checkpoints.shown().count, 0);
  await first.close();
  const sound = await again.powerOn(whole);
  await runs(sound, WORDS);
  t.ok(checkpoints.shown().count > 0);
  await sound.close();
});

t.test('a machine that does something else than before is told', async (t) => {
  const { engine } = counted();
  let isOther = false;
  const changing: Engine = {
    ...engine,
    powerOn: (with_) => engine.powerOn({ ...with_, ...(isOther && { instructionsPerMs: 400_000 }) }),
  };
  const { engine: again } = remembering(changing, 0);
  const first = await again.powerOn(whole);
  await runs(first, ['a']);
  await first.close();
  isOther = true;
  const second = await again.powerOn(whole);
  await t.rejects(runs(second, ['a']), { message: /not the same as before: it differs before instruction/ });
  await second.close();
});

t.test('equal values', async (t) => {
  const some = { a: [1, { b: Uint8Array.of(1, 2) }], c: undefined, d: 'x' };
  t.ok(isAlike(some, { a: [1, { b: Uint8Array.of(1, 2) }], d: 'x' }));
  t.notOk(isAlike(some, { a: [1, { b: Uint8Array.of(1, 3) }], d: 'x' }));
  t.notOk(isAlike(some, { a: [1], d: 'x' }));
  t.notOk(isAlike(some, { ...some, e: 1 }));
  t.notOk(isAlike([1], { 0: 1, length: 1 }));
  t.notOk(isAlike(Uint8Array.of(1), [1]));
  t.notOk(isAlike(new Date(0), new Date(0)), 'only plain data');
  t.notOk(isAlike(null, {}));
  t.ok(isAlike(NaN, NaN));
});
