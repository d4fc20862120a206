// SPDX-License-Identifier: MIT
/**
 * What every engine must do, shown on the conformance guest. One suite for the fake and the real ones. A test of what not
 * every engine promises asks for its trait by name.
 */
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { equalBytes } from '../../emulator/machine/bytes.js';
import type {
  Channel,
  DiskWrite,
  Engine,
  EngineTraits,
  Machine,
  MachineConfig,
  RunReport,
  RunRequest,
  Written,
} from '../../emulator/machine/contract.js';
import { InputError, RigError } from '../../emulator/machine/errors.js';
import { gpa, sector, type Sector } from '../../emulator/machine/units.js';
import {
  BUFFER_GPA,
  COUNT_GPA,
  DISK_FAILED,
  FIRST_SECTOR,
  MARKED,
  READY,
  READY_WORDS,
  VALUE,
  VALUE_GPA,
} from './guest.js';

export interface Subject {
  readonly engine: Engine;
  /** One disk of at least 64 sectors; the wall clock at a whole hour. */
  readonly config: MachineConfig;
}

const BOUND_MS = 5_000;
/** The same where time is the host's, which may be loaded: no test depends on it. */
const HOST_BOUND_MS = 60_000;
const NEWLINE = 0x0a;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** For tap, which goes through each byte of what it compares. */
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sends = (letters: string): RunRequest['send'] => [
  { channel: 'agent', bytes: Uint8Array.from(letters, (letter) => letter.charCodeAt(0)) },
];
const untilAnswer = { untilByte: { channel: 'agent' as Channel, byte: NEWLINE } };

/** Runs the suite against `subject` as tap subtests. */
export function conformance({ engine, config }: Subject): void {
  const { traits } = engine;
  const soonMs = traits.ownTime ? 100 : HOST_BOUND_MS;
  const boundMs = BOUND_MS * traits.patience;
  const hasCheckpoints = traits.checkpoints.length > 0;
  /** Tests a promise that only some engines make. */
  const promised = (trait: keyof EngineTraits, name: string, test: (t: Test) => Promise<void>): void => {
    if (trait === 'checkpoints' ? hasCheckpoints : traits[trait]) void t.test(name, test);
  };
  /** A promise about a checkpoint that depends on another one. */
  const promisedOfCheckpoints = (
    trait: 'deterministic' | 'ownTime',
    name: string,
    test: (t: Test) => Promise<void>,
  ): void => {
    if (traits[trait]) promised('checkpoints', name, test);
  };

  /** A machine at its first marker. */
  const ready = async (at: MachineConfig = config): Promise<{ machine: Machine; report: RunReport }> => {
    const machine = await engine.powerOn(at);
    t.teardown(() => machine.close());
    const report = await machine.run({
      virtualMsMax: boundMs,
      triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
    });
    return { machine, report };
  };
  const tell = (machine: Machine, letters: string, more: Partial<RunRequest> = {}): Promise<RunReport> =>
    machine.run({ virtualMsMax: boundMs, send: sends(letters) ?? [], ...untilAnswer, ...more });
  const restored = async (
    checkpoint: Awaited<ReturnType<Machine['checkpoint']>>,
    at: MachineConfig = config,
  ): Promise<Machine> => {
    const machine = await engine.restore(at, checkpoint);
    t.teardown(() => machine.close());
    return machine;
  };

  t.test('power-on, console, and a marker that stops the machine before the guest passes it', async (t) => {
    const { machine, report } = await ready();
    t.equal(machine.engine, engine.name);
    t.same(report.reason, { why: 'trigger', index: 0 });
    t.match(text(report.console), /ready\r\n$/);
    t.equal(report.agent.length, 0);
    const [marker, ...others] = report.markers;
    t.same(others, []);
    t.match(marker, { kind: READY, word0: READY_WORDS[0], word1: READY_WORDS[1] });
    t.ok(marker && marker.instruction > 0 && marker.instruction <= report.instructions);
    t.ok(marker && marker.virtualMs > 0 && marker.virtualMs <= report.virtualMs);
    const later = await tell(machine, 'e');
    t.equal(text(later.agent), 'e\n');
    t.equal(later.console.length, 0, 'a report holds the output of its run only');
    t.ok(later.instructions > report.instructions || !traits.countsInstructions, 'counters run on');
    t.ok(later.virtualMs > report.virtualMs);
  });

  t.test('the nth marker, counted from the beginning of the run', async (t) => {
    const { machine } = await ready();
    const report = await machine.run({
      virtualMsMax: boundMs,
      send: sends('mmm') ?? [],
      triggers: [
        { when: { on: 'marker', kind: READY }, then: { do: 'stop' } },
        { when: { on: 'marker', kind: MARKED, nth: 2 }, then: { do: 'stop' } },
      ],
    });
    t.same(report.reason, { why: 'trigger', index: 1 });
    t.same(
      report.markers.map(({ word0 }) => word0),
      [1, 2],
    );
    const rest = await machine.run({
      virtualMsMax: boundMs,
      triggers: [{ when: { on: 'marker', kind: MARKED }, then: { do: 'stop' } }],
    });
    t.same(
      rest.markers.map(({ word0 }) => word0),
      [3],
    );
  });

  promised('deterministic', 'two machines with one config are one', async (t) => {
    const lives = await Promise.all(
      [0, 1].map(async () => {
        const { machine, report } = await ready();
        const answers = [
          report,
          await tell(machine, 'w'),
          await tell(machine, 'b'),
          await tell(machine, 's'),
          await tell(machine, 'r'),
        ];
        return {
          answers: answers.map(comparable),
          hash: await machine.stateHash(),
          memory: await machine.captureMemory(),
        };
      }),
    );
    t.same(lives[0]?.answers, lives[1]?.answers);
    t.equal(lives[0]?.hash, lives[1]?.hash);
    const [one, other] = lives.map((life) => life.memory);
    t.ok(one && other && equalBytes(one, other), 'all RAM is equal');
  });

  t.test('the state hash tells states apart', async (t) => {
    const { machine } = await ready();
    const before = await machine.stateHash();
    t.equal(await machine.stateHash(), before);
    await tell(machine, 'e');
    t.not(await machine.stateHash(), before);
  });

  promised('countsInstructions', 'idle time costs virtual time, not instructions', async (t) => {
    const { machine, report } = await ready();
    const slept = await tell(machine, 's');
    t.equal(text(slept.agent), 's\n');
    const ms = slept.virtualMs - report.virtualMs;
    t.ok(ms > 1, `${ms} ms passed`);
    t.ok((slept.instructions - report.instructions) / 500_000 < ms / 2, 'most of it without instructions');
  });

  t.test('writes are reported in order, with their bytes', async (t) => {
    const { machine } = await ready();
    const report = await machine.run({
      virtualMsMax: boundMs,
      send: sends('wwwe') ?? [],
      untilByte: { channel: 'agent', byte: 0x65 },
    });
    const log = report.writes[0] ?? [];
    t.same(sectorsOf(log), [
      [FIRST_SECTOR, 1],
      [FIRST_SECTOR + 1, 1],
      [FIRST_SECTOR + 2, 2],
      [FIRST_SECTOR + 3, 2],
      [FIRST_SECTOR + 4, 3],
      [FIRST_SECTOR + 5, 3],
    ]);
    t.ok(log.every(({ instruction }, at) => at === 0 || instruction >= (log[at - 1]?.instruction ?? 0)));
    t.match(text(report.agent), /^\x01\n\x02\n\x03\ne/);
  });

  t.test('disks: base under overlay, never written', async (t) => {
    const base = new Uint8Array(64 * 512).fill(7);
    const overlay: DiskWrite[] = [
      { instruction: 0, sector: FIRST_SECTOR as never, bytes: new Uint8Array(512).fill(9) },
    ];
    const plain = await ready({ ...config, disks: [{ base }] });
    t.equal((await tell(plain.machine, 'd')).agent[0], 7);
    const over = await ready({ ...config, disks: [{ base, overlay }] });
    t.equal((await tell(over.machine, 'd')).agent[0], 9);
    await tell(over.machine, 'w');
    t.ok(base.every((byte) => byte === 7));
    t.ok(overlay[0]?.bytes.every((byte) => byte === 9));
  });

  promised(
    'share',
    'a share is what the config says, also in a machine restored, as long as nobody writes to it',
    async (t) => {
      const share = [
        { path: 'dir', mode: 0o040755 },
        { path: 'dir/file', mode: 0o100644, bytes: new TextEncoder().encode('shared') },
      ];
      const holds = async (machine: Machine): Promise<unknown> =>
        ((await machine.readShare()) ?? [])
          .filter(({ path }) => path !== '')
          .map(({ path, mode, bytes }) => ({ path, mode, ...(bytes && { bytes: Uint8Array.from(bytes) }) }));
      const plain = await ready();
      t.equal(await plain.machine.readShare(), undefined);
      const { machine } = await ready({ ...config, share });
      t.same(await holds(machine), share);
      const other = [{ path: 'other', mode: 0o100600, bytes: new Uint8Array(0) }];
      const again = await restored(await machine.checkpoint(), { ...config, share: other });
      t.same(await holds(again), other, 'other files, since the guest has not used it');
      t.equal(text((await tell(again, 'e')).agent), 'e\n');
    },
  );

  t.test('power fails before, within and after a write', async (t) => {
    const whole = await ready();
    const all = sectorsOf((await tell(whole.machine, 'w')).writes[0] ?? []);
    t.equal(all.length, 2);
    const perWrite = ((await tell(whole.machine, 'w')).writes[0]?.[0]?.bytes.length ?? 0) / 512;
    for (const sectorsWritten of [0, ...(perWrite > 1 ? [1] : []), undefined]) {
      const { machine } = await ready();
      const then = { do: 'cutPower' as const, ...(sectorsWritten === undefined ? {} : { sectorsWritten }) };
      const report = await tell(machine, 'www', { triggers: [{ when: { on: 'write', disk: 0, index: 0 }, then }] });
      t.same(report.reason, { why: 'powerCut' }, `${sectorsWritten ?? 'all'} sectors`);
      t.same(sectorsOf(report.writes[0] ?? []), all.slice(0, sectorsWritten ?? perWrite));
      t.equal(report.agent.length, 0, 'nothing shows after the cut');
      await t.rejects(machine.run({ virtualMsMax: 1 }), RigError);
      t.equal((await machine.readMemory(gpa(0), 16)).length, 16, 'its RAM can still be read');
    }
  });

  t.test('power fails at the nth write that reaches certain sectors', async (t) => {
    const whole = await ready();
    const first = (await tell(whole.machine, 'w')).writes[0] ?? [];
    const later = (await tell(whole.machine, 'w')).writes[0] ?? [];
    const [, place] = later;
    const at = place ?? later[0];
    if (!at) throw new Error('the guest has written nothing');
    t.ok(first.every((one) => one.sector !== at.sector));
    const reaching = (nth: number, from: Sector, count = 1) => ({
      when: { on: 'writeTo' as const, disk: 0, sectors: { first: from, count }, nth },
      then: { do: 'cutPower' as const, sectorsWritten: 0 },
    });
    const { machine } = await ready();
    const none = await tell(machine, 'w', { triggers: [reaching(1, at.sector)] });
    t.equal(none.reason.why, 'byte', 'the writes before do not reach it');
    const report = await tell(machine, 'w', { triggers: [reaching(1, at.sector)] });
    t.same(report.reason, { why: 'powerCut' });
    t.same(sectorsOf(report.writes[0] ?? []), place ? sectorsOf(later.slice(0, 1)) : []);
    const other = await ready();
    const second = await tell(other.machine, 'ww', {
      untilByte: { channel: 'agent', byte: 2 },
      triggers: [reaching(first.length + 1, sector(FIRST_SECTOR), 64)],
    });
    t.same(second.reason, { why: 'powerCut' }, 'each write that reaches one of them counts');
    t.same(sectorsOf(second.writes[0] ?? []), sectorsOf(first));
  });

  promised('diskFaults', 'requests to a disk fail from a write or a marker on', async (t) => {
    const one = await ready();
    await tell(one.machine, 'w');
    const refused = await tell(one.machine, 'w', {
      triggers: [
        {
          when: { on: 'write', disk: 0, index: await countPerLetter() },
          then: { do: 'failDisk', disk: 0, failure: { requests: 'writes' } },
        },
      ],
    });
    t.same([...refused.agent], [DISK_FAILED, NEWLINE]);
    t.same(refused.writes[0], []);
    t.ok((refused.failedRequests ?? 0) > 0);
    const read = await tell(one.machine, 'd');
    t.same([...read.agent], [0, NEWLINE], 'nothing of it has landed');
    t.equal(read.failedRequests, undefined);
    t.equal((await tell(one.machine, 'w')).agent[0], DISK_FAILED, 'also in a later run');

    const other = await ready();
    const failure = { requests: 'reads' as const, sectors: { first: sector(FIRST_SECTOR), count: 1 } };
    t.equal((await tell(other.machine, 'd')).agent[0], 0);
    await tell(other.machine, 'm', {
      triggers: [{ when: { on: 'marker', kind: MARKED }, then: { do: 'failDisk', disk: 0, failure } }],
    });
    t.equal((await tell(other.machine, 'd')).agent[0], DISK_FAILED);
    t.equal((await tell(other.machine, 'w')).agent[0], 1, 'writes succeed');
    t.equal((await tell(other.machine, 'd')).agent[0], 0, 'and reads of other sectors');
  });

  promised('volatileCaches', 'a power cut loses what is in a volatile cache only', async (t) => {
    const { machine, report } = await ready({ ...config, volatileCaches: true });
    t.same(report.unflushed, [0]);
    const perLetter = await countPerLetter();
    await tell(machine, 'w');
    // FLUSH CACHE, as a driver gives it. The read after it waits for its end.
    const flushed = await tell(machine, '1\xf7\x01\xe7\0\0\0');
    const read = await tell(machine, 'd');
    const flushes = [...(flushed.flushes?.[0] ?? []), ...(read.flushes?.[0] ?? [])];
    t.ok(flushes.length > 0, 'flushes are logged');
    t.ok(flushes.every((at) => at > report.instructions && at <= read.instructions));
    t.same(read.unflushed, [0]);
    const written = await tell(machine, 'w');
    t.equal(written.writes[0]?.length, perLetter);
    t.same(written.unflushed, [perLetter]);
    const cut = await tell(machine, 'w', {
      triggers: [{ when: { on: 'write', disk: 0, index: 2 * perLetter }, then: { do: 'cutPower' } }],
    });
    t.same(cut.reason, { why: 'powerCut' });
    t.equal(cut.writes[0]?.length, 1);
    t.same(cut.unflushed, [perLetter + 1], 'also of earlier runs');
    t.equal((await ready()).report.unflushed, undefined, 'there is none unless it is asked for');
  });

  if (!traits.volatileCaches)
    t.test('an engine without volatile caches refuses them', async (t) => {
      await t.rejects(engine.powerOn({ ...config, volatileCaches: true }), InputError);
    });

  if (!traits.diskFaults)
    t.test('an engine whose disks have no faults refuses them', async (t) => {
      const { machine } = await ready();
      await t.rejects(
        tell(machine, 'm', {
          triggers: [
            {
              when: { on: 'marker', kind: MARKED },
              then: { do: 'failDisk', disk: 0, failure: { requests: 'all' } },
            },
          ],
        }),
        InputError,
      );
    });

  t.test('power fails at a marker', async (t) => {
    const { machine } = await ready();
    const report = await tell(machine, 'wmw', {
      untilByte: undefined as never,
      triggers: [{ when: { on: 'marker', kind: MARKED }, then: { do: 'cutPower' } }],
    });
    t.same(report.reason, { why: 'powerCut' });
    t.equal(report.markers.length, 1, 'the marker itself is seen');
    t.equal(report.agent.length, 2, 'what came before it is there');
  });

  promised('countsInstructions', 'power fails at an instruction count', async (t) => {
    const probe = await ready();
    const writes = (await machine8(probe.machine)).writes[0] ?? [];
    const count = writes[3]?.instruction ?? 0;
    const cut = await ready();
    const early = await cut.machine.run({
      virtualMsMax: boundMs,
      send: sends('wwww') ?? [],
      triggers: [{ when: { on: 'instruction', count }, then: { do: 'cutPower' } }],
    });
    t.same(early.reason, { why: 'powerCut' });
    t.same(
      early.writes[0],
      writes.filter(({ instruction }) => instruction <= count),
      'no write after that count lands, each one before does',
    );
  });
  const machine8 = (machine: Machine): Promise<RunReport> =>
    machine.run({ virtualMsMax: boundMs, send: sends('wwwwe') ?? [], untilByte: { channel: 'agent', byte: 0x65 } });

  promised('countsInstructions', 'stop at an instruction count', async (t) => {
    const { machine, report } = await ready();
    const count = report.instructions + 1_200_000;
    const stopped = await machine.run({
      virtualMsMax: boundMs,
      send: sends('b') ?? [],
      triggers: [{ when: { on: 'instruction', count }, then: { do: 'stop' } }],
    });
    t.same(stopped.reason, { why: 'trigger', index: 0 });
    t.ok(
      stopped.instructions >= count && stopped.instructions < count + 2_000_000,
      `at ${stopped.instructions - count} past it`,
    );
    const at = stopped.instructions;
    const again = await machine.run({
      virtualMsMax: boundMs,
      triggers: [{ when: { on: 'instruction', count }, then: { do: 'stop' } }],
    });
    t.equal(again.instructions, at, 'a count that is past stops at once');
  });

  t.test('a run begins where the one before has ended', async (t) => {
    const { machine, report } = await ready();
    t.equal(report.beginMs, 0);
    t.equal((await machine8(machine)).beginMs, report.virtualMs);
  });

  t.test('capture at the very instruction, while the machine goes on', async (t) => {
    const { machine } = await ready();
    const report = await tell(machine, 'wmw', {
      untilByte: { channel: 'agent', byte: 2 },
      triggers: [
        { when: { on: 'marker', kind: MARKED }, then: { do: 'capture', label: 'at the marker' } },
        { when: { on: 'write', disk: 0, index: 2 }, then: { do: 'capture', label: 'at a write' } },
      ],
    });
    const [first, second] = report.captures;
    for (const { memory, used } of report.captures) {
      const isUsed = (page: number): boolean =>
        used?.some(([from, to]) => from < (page + 1) * 4096 && page * 4096 < to) ?? true;
      const words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength / 4);
      const missed = words.findIndex((word, at) => word !== 0 && !isUsed(Math.floor(at / 1024)));
      t.equal(missed, -1, 'what is said to be zero is zero');
    }
    t.match(first, { label: 'at the marker', marker: { kind: MARKED, word0: 1 } });
    t.equal(first?.memory.length, config.memoryMiB * 2 ** 20);
    t.equal(first?.memory[BUFFER_GPA], 1, 'RAM as it was then');
    if (second) t.equal(second.memory[BUFFER_GPA], 2);
    t.equal((await machine.readMemory(BUFFER_GPA, 1))[0], 2, 'RAM as it is now');
    t.ok(
      equalBytes(
        await machine.readMemory(COUNT_GPA, 4),
        (await machine.captureMemory()).slice(COUNT_GPA, COUNT_GPA + 4),
      ),
    );
    await t.rejects(machine.readMemory(gpa(config.memoryMiB * 2 ** 20 - 1), 2), InputError);
  });

  t.test('reading the screen changes nothing, and a restored machine has the same', async (t) => {
    const { machine } = await ready();
    const { readScreen } = machine;
    if (!readScreen) return;
    /** Pokes the first two places of the text, at 0xb8000, and answers the counter after it. */
    const write = async (of: Machine, letters: string): Promise<number> =>
      (await tell(of, `k\0\x80\x0b\0${letters[0]}\x07${letters[1]}\x07`)).instructions;
    await write(machine, 'AB');
    const before = await machine.stateHash();
    const checkpoint = await machine.checkpoint();
    const rows = await readScreen();
    t.equal(rows?.length, 25);
    t.match(rows?.[0], /^AB/);
    t.same(await readScreen(), rows);
    t.equal(await machine.stateHash(), before);

    const [again, unread] = [await restored(checkpoint), await restored(checkpoint)];
    t.same(await again.readScreen?.(), rows);
    const counts = await Promise.all([machine, again, unread].map((one) => write(one, 'CD')));
    t.match((await readScreen())?.[0], /^CD/);
    const hashes = await Promise.all([machine, again, unread].map((one) => one.stateHash()));
    t.equal(new Set(counts).size, 1, 'all go on like the one whose screen nobody has read');
    t.equal(new Set(hashes).size, 1);
  });

  t.test('a flip changes RAM at the very instruction', async (t) => {
    const { machine } = await ready();
    const report = await tell(machine, 'm', {
      triggers: [
        { when: { on: 'marker', kind: MARKED }, then: { do: 'flip', gpa: COUNT_GPA, xor: Uint8Array.of(0x40) } },
      ],
    });
    t.equal(report.agent[0], 0x41, 'the guest reads the altered count right after');
    t.equal((await tell(machine, 'm')).agent[0], 0x42);
  });

  t.test('a flip of code takes effect, also of code that has been executed', async (t) => {
    const { machine } = await ready();
    for (let round = 0; round < 3; round++) t.equal((await tell(machine, 'v')).agent[0], VALUE);
    await tell(machine, 'm', {
      triggers: [
        { when: { on: 'marker', kind: MARKED }, then: { do: 'flip', gpa: VALUE_GPA, xor: Uint8Array.of(0x40) } },
      ],
    });
    t.equal((await tell(machine, 'v')).agent[0], VALUE ^ 0x40);
  });

  t.test('a bound in virtual time', async (t) => {
    const { machine, report } = await ready();
    const waited = await machine.run({ virtualMsMax: 20 });
    t.same(waited.reason, { why: 'timeout' });
    t.ok(waited.virtualMs - report.virtualMs >= 20 && waited.virtualMs - report.virtualMs < soonMs);
    t.equal(text((await tell(machine, 'x')).agent), 'x\n', 'the machine lives on');
    await t.rejects(machine.run({ virtualMsMax: 0 }), InputError, 'a run without a bound');
  });

  t.test('a machine that halts, and one that asks for a reset', async (t) => {
    for (const [letter, why] of [
      ['h', 'halted'],
      ['z', 'reset'],
    ] as const) {
      const { machine, report } = await ready();
      const ended = await tell(machine, letter);
      t.same(ended.reason, { why });
      t.ok(ended.virtualMs - report.virtualMs < soonMs, 'recognised at once');
      await t.rejects(machine.run({ virtualMsMax: 1 }), RigError);
      await t.rejects(machine.checkpoint(), RigError);
      t.equal((await machine.captureMemory()).length, config.memoryMiB * 2 ** 20, 'its RAM can still be read');
    }
  });

  promisedOfCheckpoints(
    'deterministic',
    'a checkpoint alters nothing, and restores again and again to what would have been',
    async (t) => {
      const { machine } = await ready();
      await tell(machine, 'wb');
      const before = await machine.stateHash();
      const checkpoint = await machine.checkpoint();
      t.equal(checkpoint.engine, engine.name);
      t.equal(await machine.stateHash(), before);
      const live = async (of: Machine): Promise<object> => {
        const answers = [
          await tell(of, 'd'),
          await tell(of, 'w'),
          await tell(of, 's'),
          await tell(of, 'b'),
          await tell(of, 'm'),
          await tell(of, 'r'),
        ];
        return { answers: answers.map(comparable), hash: await of.stateHash() };
      };
      const uninterrupted = await live(machine);
      for (let round = 0; round < 2; round++) {
        const again = await restored(checkpoint);
        t.equal(await again.stateHash(), before, `round ${round}`);
        t.same(await live(again), uninterrupted);
      }
      const copy = { engine: checkpoint.engine, bytes: Uint8Array.from(checkpoint.bytes) };
      t.same(await live(await restored(copy)), uninterrupted, 'also through a copy of its bytes');
    },
  );

  promised('checkpoints', 'a machine goes on after its checkpoint, and from it again and again', async (t) => {
    const { machine } = await ready();
    for (const letter of ['w', 'b', 'm']) await tell(machine, letter);
    const checkpoint = await machine.checkpoint();
    const before = await machine.stateHash();
    const live = async (of: Machine): Promise<object> => {
      const answers = [await tell(of, 'd'), await tell(of, 'w'), await tell(of, 'm')];
      return answers.map(({ agent, console, writes }) => ({
        agent,
        console,
        writes: writes.map((disk) => disk.map(({ sector, bytes }) => ({ sector, bytes }))),
      }));
    };
    const uninterrupted = await live(machine);
    for (let round = 0; round < 2; round++) {
      const again = await restored(checkpoint);
      t.equal(await again.stateHash(), before, `round ${round}: memory and counters`);
      t.same(await live(again), uninterrupted, `round ${round}: what it does`);
    }
    const more = { ...config, memoryMiB: config.memoryMiB * 2 };
    await t.rejects(engine.restore(more, checkpoint), InputError);
    await t.rejects(engine.restore({ ...config, disks: [] }, checkpoint), InputError);
    if (!traits.ownTime) {
      const later = { ...config, wallClockMs: config.wallClockMs + 1000 };
      await t.rejects(engine.restore(later, checkpoint), InputError, 'its clock cannot be set');
    }
    await t.rejects(engine.restore(config, { engine: 'abacus', bytes: checkpoint.bytes }), InputError);
    await t.rejects(engine.restore(config, { engine: engine.name, bytes: new Uint8Array(8) }), InputError);
  });

  promisedOfCheckpoints('ownTime', 'a checkpoint under another date, and over other disks', async (t) => {
    const { machine } = await ready();
    const checkpoint = await machine.checkpoint();
    t.same(
      [...(await tell(await restored(checkpoint), 'r')).agent.subarray(1)],
      [0x00, 0x01, NEWLINE],
      'midnight of the 1st',
    );
    const later = { ...config, wallClockMs: config.wallClockMs + (26 * 60 + 5) * 60_000 };
    t.same([...(await tell(await restored(checkpoint, later), 'r')).agent], [0x05, 0x02, 0x02, NEWLINE]);
    const overlay: DiskWrite[] = [
      { instruction: 0, sector: FIRST_SECTOR as never, bytes: new Uint8Array(512).fill(0x33) },
    ];
    const other = { ...config, disks: [{ base: new Uint8Array(64 * 512), overlay }] };
    t.equal((await tell(await restored(checkpoint, other), 'd')).agent[0], 0x33);
  });

  promisedOfCheckpoints('ownTime', 'a machine that was expected is the one that was not', async (t) => {
    const { machine } = await ready();
    await tell(machine, 'w');
    const checkpoint = await machine.checkpoint();
    const overlay: DiskWrite[] = [
      { instruction: 0, sector: FIRST_SECTOR as never, bytes: new Uint8Array(1024).fill(0x33) },
    ];
    const disks = config.disks.map(({ base }) => ({ base, overlay }));
    const later = { ...config, disks, wallClockMs: config.wallClockMs + (26 * 60 + 5) * 60_000 };
    const live = async (at: MachineConfig): Promise<unknown> => {
      const again = await restored(checkpoint, at);
      const reports = [await tell(again, 'r'), await tell(again, 'd')].map(({ agent, instructions, virtualMs }) => [
        ...agent,
        instructions,
        virtualMs,
      ]);
      return [...reports, await again.stateHash(), digestOf((await again.checkpoint()).bytes)];
    };
    const [now, then] = [await live(config), await live(later)];
    t.notSame(now, then);
    for (const [at, life] of [
      [later, then],
      [config, now],
    ] as const) {
      await engine.expect?.(config, checkpoint);
      t.same(await live(at), life);
    }
    await engine.expect?.(config, checkpoint);
    const other = { ...config, disks: [{ base: new Uint8Array(64 * 512).fill(0x44) }] };
    t.same(
      (await tell(await restored(checkpoint, other), 'd')).agent,
      (await tell(await restored(checkpoint, { ...other }), 'd')).agent,
      'other disks make another machine',
    );
    void engine.expect?.(later, checkpoint);
    t.same(await live(later), then, 'also when it is wanted before all has been done for it');
    for (const at of [config, later, config]) {
      const [minute, hour] = (await tell((await ready({ ...at, disks: config.disks })).machine, 'r')).agent;
      t.same([minute, hour], at === later ? [0x05, 0x02] : [0x00, 0x00], 'one at power-on has its own time');
    }
    if (engine.expect)
      await t.rejects(engine.expect(config, { engine: 'abacus', bytes: checkpoint.bytes }), InputError);
  });

  promised('checkpoints', 'a checkpoint keeps what its machine wrote', async (t) => {
    const { machine } = await ready();
    await tell(machine, 'w');
    await tell(machine, 'w');
    const again = await restored(await machine.checkpoint());
    const report = await tell(again, 'w', {
      triggers: [
        { when: { on: 'write', disk: 0, index: (await countPerLetter()) * 2 }, then: { do: 'capture', label: 'next' } },
      ],
    });
    t.equal(report.captures.length, 1, 'writes are counted on from the checkpoint');
    t.same(sectorsOf(report.writes[0] ?? []), [
      [FIRST_SECTOR + 4, 3],
      [FIRST_SECTOR + 5, 3],
    ]);
  });
  const countPerLetter = async (): Promise<number> => {
    const { machine } = await ready();
    return (await tell(machine, 'w')).writes[0]?.length ?? 0;
  };

  t.test('the rig may abort a run; the machine stays usable', async (t) => {
    const { machine } = await ready();
    const stop = new AbortController();
    const run = machine.run({ virtualMsMax: 1e9, signal: stop.signal, onProgress: () => stop.abort() });
    t.same((await run).reason, { why: 'aborted' });
    t.equal(text((await tell(machine, 'y')).agent), 'y\n');
    await t.rejects(machine.run({ virtualMsMax: 1, signal: AbortSignal.abort() }), 'a signal that has fired already');
  });

  if (!hasCheckpoints)
    t.test('an engine without checkpoints refuses them', async (t) => {
      const { machine } = await ready();
      await t.rejects(machine.checkpoint(), RigError);
      await t.rejects(engine.restore(config, { engine: engine.name, bytes: new Uint8Array(8) }), InputError);
      t.equal(text((await tell(machine, 'c')).agent), 'c\n', 'the machine lives on');
    });

  if (!traits.countsInstructions)
    t.test(
      'an engine that does not count instructions refuses triggers on them, and orders markers and writes',
      async (t) => {
        const { machine, report } = await ready();
        await t.rejects(
          machine.run({
            virtualMsMax: 1,
            triggers: [{ when: { on: 'instruction', count: 1 }, then: { do: 'stop' } }],
          }),
          InputError,
        );
        const { writes, markers, instructions } = await machine.run({
          virtualMsMax: boundMs,
          send: sends('wmwe') ?? [],
          untilByte: { channel: 'agent', byte: 0x65 },
        });
        const log = writes[0] ?? [];
        const before = log.filter(({ instruction }) => instruction < (markers[0]?.instruction ?? 0));
        t.same(sectorsOf(before), sectorsOf(log).slice(0, 2));
        const numbers = [...log, ...markers].map(({ instruction }) => instruction);
        t.equal(new Set(numbers).size, numbers.length, 'each has a number of its own');
        t.ok(numbers.every((number) => number > report.instructions && number <= instructions));
      },
    );

  if (!traits.share)
    t.test('an engine without shares refuses one', async (t) => {
      await t.rejects(engine.powerOn({ ...config, share: [] }), InputError);
    });

  t.test('a machine has as many processors and as much memory as its engine can give', async (t) => {
    const { processorsMax, memoryMiB } = traits;
    await t.rejects(engine.powerOn({ ...config, processors: processorsMax + 1 }), InputError);
    await t.rejects(engine.powerOn({ ...config, memoryMiB: memoryMiB.max + 1 }), InputError);
    await t.rejects(engine.powerOn({ ...config, memoryMiB: memoryMiB.min - 1 }), InputError);
    const { machine } = await ready({ ...config, processors: processorsMax });
    t.equal(text((await tell(machine, 'c')).agent), 'c\n');
  });

  t.test('the console is handed over as it comes', async (t) => {
    const machine = await engine.powerOn(config);
    t.teardown(() => machine.close());
    let streamed = '';
    const report = await machine.run({
      virtualMsMax: boundMs,
      triggers: [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }],
      onConsole: (bytes) => (streamed += text(bytes)),
    });
    t.equal(streamed, text(report.console));
  });

  promised('ownTime', 'what is written is handed over as it comes', async (t) => {
    const { machine } = await ready();
    for (const letter of ['w', 'm', 'w']) {
      const told: Written[] = [];
      const report = await tell(machine, letter, { onWritten: (written) => void told.push(written) });
      t.same(
        told.flatMap(({ writes }) => writes[0] ?? []),
        report.writes[0]?.map(({ instruction, sector, bytes }) => ({ instruction, sector, count: bytes.length / 512 })),
        'each write of the run once, and none of another run',
      );
      t.same(
        told.flatMap(({ markers }) => markers),
        report.markers,
      );
      t.equal(report.writes[0]?.length === 0, letter === 'm');
      const last = told.at(-1);
      t.ok(last && last.instructions <= report.instructions && last.virtualMs <= report.virtualMs);
    }
  });

  t.test('closing', async (t) => {
    const { machine } = await ready();
    const run = machine.run({ virtualMsMax: 1e9 });
    const refused = t.rejects(run, RigError);
    await machine.close();
    await refused;
    await machine.close();
    await t.rejects(machine.run({ virtualMsMax: 1 }), RigError);
    await t.rejects(machine.stateHash(), RigError);
  });

  t.test('what makes no sense is refused with a reason', async (t) => {
    await t.rejects(
      engine.powerOn({ ...config, disks: [...config.disks, ...config.disks, ...config.disks] }),
      InputError,
    );
    await t.rejects(engine.restore(config, { engine: 'abacus', bytes: new Uint8Array(8) }), InputError);
    await t.rejects(engine.restore(config, { engine: engine.name, bytes: new Uint8Array(8) }), InputError);
  });
}

const comparable = (report: RunReport): object => ({
  ...report,
  console: text(report.console),
  agent: [...report.agent],
  writes: report.writes.map((log) =>
    log.map(({ instruction, sector, bytes }) => [instruction, sector, [...bytes.subarray(0, 4)], bytes.length]),
  ),
});

/** A log as sectors with the first byte of each, whatever way the engine cuts transfers into writes. */
function sectorsOf(log: readonly DiskWrite[]): (readonly [number, number])[] {
  return log.flatMap(({ sector, bytes }) =>
    Array.from({ length: bytes.length / 512 }, (_, at) => [sector + at, bytes[at * 512] ?? -1] as const),
  );
}
