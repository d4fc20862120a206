// SPDX-License-Identifier: MIT
/** Going back to any instant of a machine, and on from there: blocks, checkpoints as differences, what a machine was told. */
import t from 'tap';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent } from '../../../emulator/engines/fake/script.js';
import { blobsBegin, packCheckpoint } from '../../../emulator/engines/checkpoint-format.js';
import { BLOCK_BYTES, createBlockPool } from '../../../emulator/host/browser/session/recall/block-pool.js';
import {
  createCheckpoints,
  leastMissed,
  type CheckpointsShown,
} from '../../../emulator/host/browser/session/recall/checkpoints.js';
import { createRecall, type Origin, type Recall } from '../../../emulator/host/browser/session/recall/recall.js';
import { PROMPT_MS, typeAgain } from '../../../emulator/host/browser/session/prompt.js';
import {
  cutAt,
  emptyTape,
  endOf,
  nextAgain,
  typedOn,
  withRun,
} from '../../../emulator/host/browser/session/recall/tape.js';
import type { Checkpoint, Machine, MachineConfig, RunReport } from '../../../emulator/machine/contract.js';
import type { SessionFile } from '../../../emulator/scenario/session-file.js';
import { gpa } from '../../../emulator/machine/units.js';
import { repeatAtPrompt } from '../../../tools/run/typed-session.js';
import { bytes, sha256, SMALL } from './fixtures/fake-machine.js';

/** Bytes of which each block has one value. */
const blocks = (values: readonly number[], rest = 0): Uint8Array => {
  const bytes = new Uint8Array(values.length * BLOCK_BYTES + rest);
  values.forEach((value, index) => bytes.fill(value, index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
  return bytes.fill(99, values.length * BLOCK_BYTES);
};
const sizeIn = (pool: ReturnType<typeof createBlockPool>): number => pool.bytes() / BLOCK_BYTES;

t.test('blocks are held once', async (t) => {
  const pool = createBlockPool();
  const read = (list: Int32Array, lengthBytes: number): Uint8Array => {
    const bytes = new Uint8Array(lengthBytes);
    pool.read(list, bytes);
    return bytes;
  };
  const one = blocks([1, 2, 3, 2], 5);
  const first = pool.hold(one);
  t.equal(sizeIn(pool), 4, 'the second 2 is the first one');
  t.same(read(first, one.length), one);
  const other = blocks([1, 7, 2, 3, 2, 8], 5);
  const second = pool.hold(other, first);
  t.equal(sizeIn(pool), 6, 'only what is new, though others have moved');
  t.same(read(second, other.length), other);
  pool.release(first);
  t.equal(sizeIn(pool), 6);
  t.same(read(second, other.length), other, 'what another list has stays');
  pool.release(second);
  t.equal(sizeIn(pool), 0);
  const third = pool.hold(one);
  t.same(read(third, one.length), one, 'in the room of those that are gone');
  const odd = new Uint8Array(new Uint8Array(one.length + 1).buffer, 1);
  odd.set(one);
  t.same(pool.hold(odd), third, 'wherever the bytes begin');
});

t.test('what is known to be zero is not read', async (t) => {
  const pool = createBlockPool();
  const bytes = blocks([0, 1, 0, 0, 2, 0]);
  const used: readonly (readonly [number, number])[] = [
    [-BLOCK_BYTES, -1],
    [BLOCK_BYTES, BLOCK_BYTES + 1],
    [4 * BLOCK_BYTES + 5, 5 * BLOCK_BYTES],
  ];
  const all = pool.hold(bytes);
  t.same(pool.hold(bytes, undefined, used), all, 'the same blocks');
  // A block that is not said to be used is taken to be zero, whatever it is.
  t.not(pool.hold(bytes, undefined, used.slice(0, 2))[4], all[4]);
  t.equal(pool.hold(bytes, undefined, [])[1], all[0]);
});

t.test('many blocks change between two lists', async (t) => {
  const pool = createBlockPool();
  const values = Array.from({ length: 400 }, (_, index) => index % 251);
  const numbered = (of: readonly number[], mark: number): Uint8Array => {
    const bytes = blocks(of);
    of.forEach((_, index) => new DataView(bytes.buffer).setUint32(index * BLOCK_BYTES, mark + index));
    return bytes;
  };
  const before = numbered(values, 0);
  const first = pool.hold(before);
  t.equal(sizeIn(pool), 400);
  const after = before.slice();
  for (let index = 100; index < 200; index++) after[index * BLOCK_BYTES + 9] = 77;
  const second = pool.hold(after, first);
  t.equal(sizeIn(pool), 500);
  t.same([...second.slice(200)], [...first.slice(200)]);
});

t.test('blocks with the same hash are told apart', async (t) => {
  const pool = createBlockPool(() => 1);
  const bytes = blocks([1, 2, 1, 2]);
  const list = pool.hold(bytes);
  const back = new Uint8Array(bytes.length);
  pool.read(list, back);
  t.same(back, bytes);
  pool.release(list);
  t.equal(pool.bytes(), 0);
});

const asCheckpoint = (bytes: Uint8Array): Checkpoint => ({ engine: 'x', bytes });

t.test('checkpoints as differences, within a budget', async (t) => {
  const kept = createCheckpoints({ bytesMax: 6 * BLOCK_BYTES, gridsOf: () => [] });
  const values = [
    [1, 2, 3, 4],
    [1, 2, 3, 5],
    [1, 2, 3, 6],
  ];
  const [first, second, third] = values.map((of, index) =>
    kept.keep(asCheckpoint(blocks(of)), 1, 100 * (index + 1)),
  ) as [ReturnType<typeof kept.keep>, ReturnType<typeof kept.keep>, ReturnType<typeof kept.keep>];
  t.same(kept.shown(), { count: 3, bytes: 6 * BLOCK_BYTES, bytesMax: 6 * BLOCK_BYTES });
  t.same(second.read(), asCheckpoint(blocks([1, 2, 3, 5])));
  const last = kept.keep(asCheckpoint(blocks([1, 2, 8, 9])), 1, 400);
  t.equal(kept.shown().bytes, 6 * BLOCK_BYTES, 'the budget holds');
  t.same(
    [first, second, third, last].map((one) => one.isHeld()),
    [false, false, true, true],
    'the oldest go',
  );
  t.equal(first.read(), undefined);
  t.same(third.read(), asCheckpoint(blocks([1, 2, 3, 6])));
  const large = createCheckpoints({ bytesMax: BLOCK_BYTES, gridsOf: () => [] });
  t.notOk(large.keep(asCheckpoint(blocks([1, 2])), 1, 1).isHeld(), 'one that does not fit');
  t.equal(large.shown().bytes, 0);
});

t.test('how much checkpoints need is told whenever that changes', async (t) => {
  const told: CheckpointsShown[] = [];
  const onKeep = (shown: CheckpointsShown): void => void told.push(shown);
  const bytesMax = 2 * BLOCK_BYTES;
  const kept = createCheckpoints({ bytesMax, gridsOf: () => [], onKeep });
  kept.keep(asCheckpoint(blocks([1, 2])), 1, 1);
  kept.keep(asCheckpoint(blocks([3])), 1, 2);
  t.same(
    told,
    [
      { count: 1, bytes: bytesMax, bytesMax },
      { count: 1, bytes: BLOCK_BYTES, bytesMax },
    ],
    'once each, when the others have been thinned out',
  );
});

t.test('the memory in which a checkpoint is lent is used again', async (t) => {
  const kept = createCheckpoints({ bytesMax: 6 * BLOCK_BYTES, gridsOf: () => [] });
  const long = kept.keep(asCheckpoint(blocks([1, 2, 3])), 1, 1);
  const short = kept.keep(asCheckpoint(blocks([0, 4], 7)), 2, 1);
  t.ok(long.isHeld() && short.isHeld());
  const buffers: ArrayBufferLike[] = [];
  const copyOf = ({ bytes }: Checkpoint): Promise<Uint8Array> => {
    buffers.push(bytes.buffer);
    return Promise.resolve(bytes.slice());
  };
  t.same(await long.lend(copyOf), blocks([1, 2, 3]));
  t.same(await short.lend(copyOf), blocks([0, 4], 7), 'zeros are written over what was there');
  t.equal(buffers[0], buffers[1]);
  await short.lend(async (checkpoint) => {
    const { bytes } = checkpoint;
    t.same(await long.lend(copyOf), blocks([1, 2, 3]), 'not while it is lent');
    t.same(bytes, blocks([0, 4], 7));
    t.equal(checkpoint.bytes.buffer, bytes.buffer, 'the bytes are put together once');
  });
  await t.rejects(Promise.resolve(long.lend(() => Promise.reject(new Error('no machine')))), { message: 'no machine' });

  let isRead: (() => void) | undefined;
  const lending = long.lend(async (checkpoint) => {
    await new Promise<void>((resolve) => (isRead = resolve));
    return checkpoint.bytes.slice();
  });
  const keepMore = (): boolean => kept.keep(asCheckpoint(blocks([5, 6, 7, 8, 9, 10])), 3, 1).isHeld();
  t.notOk(keepMore());
  t.ok(long.isHeld(), 'it stays until it has been read');
  isRead?.();
  t.same(await lending, blocks([1, 2, 3]));
  t.ok(keepMore());
  t.notOk(long.isHeld());
  t.equal(long.lend(copyOf), undefined);
});

t.test('what is thinned out', async (t) => {
  const at = (...costs: readonly number[]): { line: number; costMs: number }[] =>
    costs.map((costMs) => ({ line: 1, costMs }));
  t.equal(leastMissed(at(1000, 2000, 3000, 4000)), 0, 'of equal ones the oldest');
  t.equal(leastMissed(at(5000, 6000, 7000, 8000)), 1, 'not the one behind a long run');
  t.equal(leastMissed(at(1000, 1010)), 0, 'not the newest');
  t.equal(leastMissed([{ line: 1, costMs: 9000 }, ...at(1000, 2000).map((one) => ({ ...one, line: 2 }))]), 1);
});

t.test('the blobs of a checkpoint are compared with those before, wherever they begin', async (t) => {
  const pages = [1, 2, 3, 4, 5, 6];
  const packed = (head: object): Uint8Array =>
    packCheckpoint(head, [Uint8Array.of(1, 2, 3), blocks(pages), Uint8Array.of(4)]);
  const [one, other] = [packed({ a: 1 }), packed({ a: 'another length' })];
  t.same(
    blobsBegin(one).map((at) => one[at]),
    [1, 1, 4],
  );
  const kept = createCheckpoints({ bytesMax: 1e9, gridsOf: ({ bytes }) => blobsBegin(bytes) });
  kept.keep(asCheckpoint(one), 1, 1);
  const before = kept.shown().bytes / BLOCK_BYTES;
  const second = kept.keep(asCheckpoint(other), 1, 2);
  t.equal(kept.shown().bytes / BLOCK_BYTES, before + 1, 'only the head is new');
  t.same(second.read()?.bytes, other);
});

const report = (virtualMs: number, why: 'timeout' | 'byte', console = ''): RunReport => ({
  reason: { why },
  console: new TextEncoder().encode(console),
  agent: new Uint8Array(0),
  markers: [],
  captures: [],
  writes: [],
  instructions: virtualMs * 10,
  virtualMs,
  beginMs: 0,
});
const send = (text: string) => [{ channel: 'agent', bytes: bytes(text) }] as const;

t.test('what a machine was told', async (t) => {
  const typed = { virtualMsMax: 20, send: send('x') };
  const until = { virtualMsMax: 100, untilByte: { channel: 'agent', byte: 1 } } as const;
  const idle = { virtualMsMax: 20 };
  const tape = [
    [idle, report(25, 'timeout', 'a')],
    [idle, report(45, 'timeout', 'b')],
    [typed, report(65, 'timeout', 'c')],
    [idle, report(85, 'timeout', 'd')],
    [until, report(90, 'byte')],
    [idle, report(110, 'timeout')],
  ].reduce((before, [asked, done]) => withRun(before, asked as typeof typed, done as RunReport), {
    ...emptyTape({ virtualMs: 5, instructions: 50 }),
  });
  t.same(
    tape.stretches.map(({ begin, end, isOpen }) => [begin.virtualMs, end.virtualMs, isOpen]),
    [
      [5, 45, true],
      [45, 85, true],
      [85, 90, false],
      [90, 110, true],
    ],
    'runs that only take time are one with the run before, where that can go on',
  );
  t.same(endOf(tape), { at: { virtualMs: 110, instructions: 1100 }, stretch: 3, consoleBytes: 4 });
  const begin = { at: tape.begin, stretch: -1, consoleBytes: 0 };
  t.match(nextAgain(tape, begin, 30), { stretch: 0, end: undefined, asked: { virtualMsMax: 25 - 1e-7 } });
  t.match(nextAgain(tape, begin, 300), { stretch: 0, end: { virtualMs: 45 }, asked: { virtualMsMax: 40 - 1e-7 } });
  const within = { at: { virtualMs: 50, instructions: 500 }, stretch: 1, consoleBytes: 2 };
  t.same(nextAgain(tape, within, 300)?.asked.send, undefined, 'what was sent is not sent twice');
  const before = { at: { virtualMs: 45, instructions: 450 }, stretch: 0, consoleBytes: 2 };
  t.same(nextAgain(tape, before, 300)?.asked.send, typed.send);
  t.equal(nextAgain(tape, before, 45), undefined, 'it is there');
  t.equal(nextAgain(tape, endOf(tape), Infinity), undefined);
  const third = { at: { virtualMs: 85, instructions: 850 }, stretch: 1, consoleBytes: 4 };
  t.same(nextAgain(tape, third, Infinity)?.asked, until, 'as it was asked, where it has not ended by time');
  const cut = cutAt(tape, within);
  t.same(endOf(cut), within);
  t.same(
    cut.console.map((piece) => new TextDecoder().decode(piece)),
    ['ab'],
  );
  t.same(cutAt(tape, begin), emptyTape(tape.begin));
});

/** Echoes what it gets, and works for it for 40 ms. */
const echo: FakeEvent = {
  do: 'receive',
  then: ({ received }) => [
    { do: 'poke', gpa: gpa(received[0] ?? 0), bytes: received },
    { do: 'console', text: new TextDecoder().decode(received) },
    { do: 'work', instructions: 20_000_000 },
    echo,
  ],
};
const engine = createFakeEngine({ script: () => [echo], sha256 });

/** A session in which each run takes half a second of the host. */
async function session(
  options: { readonly bytesMax?: number; readonly other?: boolean; readonly stopMs?: () => number } = {},
): Promise<{
  readonly recall: Recall;
  readonly origin: Origin;
  readonly made: (Checkpoint | undefined)[];
}> {
  let nowMs = 0;
  const made: (Checkpoint | undefined)[] = [];
  const checkpoints = createCheckpoints({ bytesMax: options.bytesMax ?? 1e9, gridsOf: () => [] });
  const recall = createRecall({ checkpoints, now: () => (nowMs += 250 + (options.stopMs?.() ?? 0)) });
  const origin: Origin = {
    begin: { virtualMs: 0, instructions: 0 },
    console: bytes('boot '),
    make(checkpoint) {
      made.push(checkpoint);
      if (checkpoint) return engine.restore(SMALL, checkpoint);
      const seed = options.other === true ? { instructionsPerMs: 400_000 } : {};
      return engine.powerOn({ ...SMALL, ...seed });
    },
  };
  return { recall, origin, made };
}

t.test('back to an instant, and on', async (t) => {
  const { recall, origin, made } = await session();
  const machine = await engine.powerOn(SMALL);
  const live = recall.follow(machine, origin);
  const hashes = new Map<number, string>();
  for (const text of ['', 'a', '', 'b', '', '', 'c', ...Array.from({ length: 20 }, () => '')]) {
    await live.run({ virtualMsMax: 20, ...(text !== '' && { send: send(text) }) });
    hashes.set(live.at().virtualMs, await machine.stateHash());
  }
  const end = live.at();
  t.notOk(live.hasMore());
  t.ok(recall.shown().checkpoints.count >= 2, 'checkpoints have been left on the way');
  await live.close();
  for (const [virtualMs, hash] of hashes) {
    const { player } = await recall.goTo(1, virtualMs);
    t.equal(player.at().virtualMs, virtualMs);
    t.equal(await player.machine.stateHash(), hash, `the state at ${virtualMs} ms`);
    await player.close();
  }
  t.ok(
    made.some((checkpoint) => checkpoint !== undefined),
    'from a checkpoint where there is one before',
  );

  const { player, console } = await recall.goTo(1, 70.5);
  t.equal(new TextDecoder().decode(console), 'boot ab');
  t.ok(player.at().virtualMs >= 70.5 && player.at().virtualMs < 72, 'the first instant after it');
  t.ok(player.hasMore());
  while (player.hasMore()) await player.again(7);
  t.same(player.at(), end);
  t.equal(await player.machine.stateHash(), hashes.get(end.virtualMs), 'going on as it was ends in the same state');
  t.equal(recall.shown().lines.length, 1, 'which is no new line');
  await player.run({ virtualMsMax: 5 });
  t.ok((recall.shown().lines[0]?.endMs ?? 0) > end.virtualMs, 'and the line goes on at its end');
  await player.close();

  const back = await recall.goTo(1, 70.5);
  await back.player.run({ virtualMsMax: 20, send: send('X') });
  t.equal(back.player.line(), 2, 'something else begins a new line');
  t.match(recall.shown().lines[1], { number: 2, from: { line: 1 } });
  t.equal(Math.round(recall.shown().lines[1]?.from?.atMs ?? 0), 71);
  while (back.player.at().virtualMs < end.virtualMs) await back.player.run({ virtualMsMax: 20 });
  const other = await back.player.machine.stateHash();
  t.not(other, hashes.get(end.virtualMs), 'with another end');
  const otherEnd = back.player.at();
  await back.player.close();
  const again = await recall.goTo(2, otherEnd.virtualMs);
  t.equal(new TextDecoder().decode(again.console), 'boot abX');
  t.equal(await again.player.machine.stateHash(), other, 'to which one can go, too');
  await again.player.close();
  const shared = await recall.goTo(2, 50);
  t.equal(Math.floor(shared.player.at().virtualMs), 50, 'from a checkpoint of the line before');
  await shared.player.close();
  const first = await recall.goTo(1, end.virtualMs);
  t.equal(await first.player.machine.stateHash(), hashes.get(end.virtualMs), 'the line before is still there');
  await first.player.close();
  await t.rejects(recall.goTo(9, 1), { message: 'the machine has no line 9' });
});

/** A fake machine has no keyboard: what is for its console comes to its agent. */
const typedTo = (machine: Machine): Machine => ({
  ...machine,
  run: ({ send = [], ...request }) =>
    machine.run({ ...request, send: send.map(({ bytes }) => ({ channel: 'agent', bytes })) }),
});
const consoleEngine = {
  powerOn: async (config: MachineConfig) => typedTo(await engine.powerOn(config)),
  restore: async (config: MachineConfig, checkpoint: Checkpoint) => typedTo(await engine.restore(config, checkpoint)),
};

t.test('what was typed is typed again on another machine', async (t) => {
  const { recall, origin } = await session();
  const key = (text: string) => [{ channel: 'console', bytes: bytes(text) }] as const;
  const live = recall.follow(await consoleEngine.powerOn(SMALL), {
    ...origin,
    make: (checkpoint) => (checkpoint ? consoleEngine.restore(SMALL, checkpoint) : consoleEngine.powerOn(SMALL)),
  });
  for (const text of ['', 'a', '', 'b', '', 'c', ...Array.from({ length: 60 }, () => '')])
    await live.run({ virtualMsMax: 20, ...(text !== '' && { send: key(text) }) });
  const [typed, until, stateHash] = [live.typed(), live.at(), await live.machine.stateHash()];
  t.same(
    typed.map(({ base64 }) => atob(base64)),
    ['a', 'b', 'c'],
  );
  t.ok(until.virtualMs > 1000, 'more than what is run at once');
  const again = async (seen: Pick<SessionFile, 'typed' | 'until'>) => {
    const machine = await consoleEngine.powerOn(SMALL);
    const elsewhere = await typeAgain((asked) => machine.run(asked), origin.begin, seen);
    const hash = await machine.stateHash();
    await machine.close();
    return { elsewhere, hash };
  };
  t.same(await again({ typed, until }), { elsewhere: undefined, hash: stateHash });
  t.same((await again({ typed: [], until: origin.begin })).elsewhere, undefined, 'nothing was typed');
  t.not((await again({ typed: typed.slice(1), until })).hash, stateHash);
  const other = { ...until, instructions: until.instructions + 1 };
  t.same((await again({ typed, until: other })).elsewhere, until, 'it is told where the machine is instead');
  t.same((await again({ typed, until: { ...until, virtualMs: -1 } })).elsewhere?.virtualMs, typed.at(-1)?.virtualMs);
  const sent: string[] = [];
  const twice = ['a', 'b'].map((text) => ({ ...origin.begin, base64: btoa(text) }));
  await typeAgain(
    (asked) => {
      for (const { bytes } of asked.send ?? []) sent.push(new TextDecoder().decode(bytes));
      return Promise.reject(new Error('enough'));
    },
    origin.begin,
    { typed: twice, until },
  ).catch(() => undefined);
  t.same(sent, ['a', 'b'], 'of what was typed at the same instant nothing is lost');
  const saved = await consoleEngine.powerOn(SMALL);
  const agentReady = { checkpoint: await saved.checkpoint() };
  const inNode = (seen: Pick<SessionFile, 'typed' | 'until'>, signal?: AbortSignal) =>
    repeatAtPrompt({ ...engine, ...consoleEngine }, SMALL, agentReady, seen, { ...(signal && { signal }) });
  const prompt = await consoleEngine.restore(SMALL, agentReady.checkpoint);
  const { instructions, virtualMs } = await prompt.run({ virtualMsMax: PROMPT_MS });
  const atPrompt = { instructions, virtualMs };
  t.same(
    await inNode({ typed: [], until: atPrompt }),
    { elsewhere: undefined, stateHash: await prompt.stateHash() },
    'Node begins where the page does',
  );
  const keys = [{ ...atPrompt, base64: btoa('k') }];
  await prompt.run({ virtualMsMax: 300, send: key('k') });
  const end = await prompt.run({ virtualMsMax: 400 });
  t.same(
    await inNode({ typed: keys, until: { instructions: end.instructions, virtualMs: end.virtualMs } }),
    { elsewhere: undefined, stateHash: await prompt.stateHash() },
    'and types what was typed',
  );
  await t.rejects(inNode({ typed: keys, until }, AbortSignal.abort(new Error('stop'))), { message: 'stop' });
  await live.close();

  const { player } = await recall.goTo(1, (typed[1]?.virtualMs ?? 0) + 5);
  t.same(player.typed(), typed.slice(0, 2), 'up to the instant where the machine stands');
  await player.close();
  const before = await recall.goTo(1, typed[1]?.virtualMs ?? 0);
  t.same(before.player.typed(), typed.slice(0, 1), 'not what was typed there');
  await before.player.run({ virtualMsMax: 20, send: key('x') });
  t.same(
    before.player.typed().map(({ base64 }) => atob(base64)),
    ['a', 'x'],
    'on a line of its own',
  );
  await before.player.close();
  t.same(typedOn(emptyTape(origin.begin), { stretch: -1 }), []);
});

t.test('a tab that was stopped leaves checkpoints as before', async (t) => {
  let stopMs = 0;
  const { recall, origin } = await session({ stopMs: () => stopMs });
  const live = recall.follow(await engine.powerOn(SMALL), origin);
  const runs = async (count: number): Promise<number> => {
    for (let run = 0; run < count; run++) await live.run({ virtualMsMax: 20 });
    return recall.shown().checkpoints.count;
  };
  const before = await runs(20);
  stopMs = 600_000;
  const stopped = await runs(12);
  t.ok(stopped > before, 'stopped for ten minutes each time, within checkpoints too');
  stopMs = 0;
  t.ok((await runs(60)) > stopped, 'a checkpoint comes after 9 s');
  await live.close();
});

t.test('without room for checkpoints all of it is run again', async (t) => {
  const { recall, origin, made } = await session({ bytesMax: 0 });
  const machine = await engine.powerOn(SMALL);
  const live = recall.follow(machine, origin);
  for (const text of ['a', 'b', 'c', 'd', 'e']) await live.run({ virtualMsMax: 20, send: send(text) });
  t.equal(recall.shown().checkpoints.count, 0);
  const { player } = await recall.goTo(1, Infinity);
  t.same(made, [undefined]);
  t.equal(await player.machine.stateHash(), await machine.stateHash());
});

t.test('a machine that is not the same is told', async (t) => {
  const { recall, origin } = await session({ bytesMax: 0, other: true });
  const machine = await engine.powerOn(SMALL);
  const live = recall.follow(machine, origin);
  for (const text of ['a', 'b']) await live.run({ virtualMsMax: 20, send: send(text) });
  await t.rejects(recall.goTo(1, Infinity), { message: /^the machine is not the same as before/ });
});
