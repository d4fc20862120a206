// SPDX-License-Identifier: MIT
import { Ajv } from 'ajv';
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import { stepBegin, stepEnd, USER_MARKERS } from '../../../emulator/machine/markers.js';
import { renderTrace, traceOf, type TraceEvent } from '../../../emulator/report/trace.js';

/**
 * The parts of the trace event format that are used here, as its description has them: times are µs; an instant event has a scope, a
 * complete one a duration.
 */
const event = (ph: string, more: Readonly<Record<string, object>>): object => ({
  type: 'object',
  additionalProperties: false,
  required: ['ph', 'name', 'pid', 'tid', 'args', ...Object.keys(more)],
  properties: {
    ph: { const: ph },
    name: { type: 'string', minLength: 1 },
    pid: { type: 'integer', minimum: 1 },
    tid: { type: 'integer', minimum: 0 },
    args: { type: 'object' },
    ...more,
  },
});
const time = { type: 'number', minimum: 0 };
const string = { type: 'string' };
const isTrace = new Ajv({ strict: true, allErrors: true }).compile({
  type: 'object',
  required: ['traceEvents'],
  properties: {
    displayTimeUnit: { enum: ['ms', 'ns'] },
    otherData: { type: 'object' },
    traceEvents: {
      type: 'array',
      items: {
        oneOf: [
          event('M', {}),
          event('X', { cat: string, ts: time, dur: time }),
          event('i', { cat: string, ts: time, s: { enum: ['g', 'p', 't'] } }),
        ],
      },
    },
  },
});

const machine = (
  number: number,
  startVirtualMs: number,
  virtualMs: number,
  marks: readonly (readonly [number, number])[],
  writes: MachineShown['writes'] = [],
): MachineShown => ({
  number,
  startVirtualMs,
  virtualMs,
  instructions: virtualMs * 1000,
  // Its clock does not always go at the same rate.
  markers: marks.map(([kind, ms]) => ({
    kind,
    word0: 0,
    word1: 0,
    instruction: ms * (ms < 15 ? 1200 : 1000),
    virtualMs: ms,
  })),
  writes,
});

const SAVED = machine(
  1,
  0,
  60,
  [
    [USER_MARKERS.agentReady, 10],
    [stepBegin('call'), 20],
    [stepEnd('freezeFilesystems'), 22],
    [stepEnd('freezeTasks'), 24],
    [stepBegin('copy'), 30],
    [stepEnd('copy'), 32],
    [stepEnd('thawTasks'), 40],
    [stepEnd('thawFilesystems'), 41],
    [stepEnd('call'), 42],
    [stepBegin('powerOff'), 55],
  ],
  [
    [],
    [
      { instruction: 15_000, sector: 8, count: 2 },
      { instruction: 56_000, sector: 64, count: 8 },
    ],
  ],
);
const RESTORED = machine(2, 60, 30, [
  [stepEnd('freezeTasks'), 5],
  [stepBegin('restore'), 8],
  [stepEnd('restore'), 9],
  [stepEnd('thawTasks'), 12],
  [stepEnd('call'), 14],
]);
const { traceEvents: EVENTS } = traceOf([{ name: 'cell', machines: [SAVED, RESTORED] }]);

/** Name, begin and end (µs) of the events of a category on a machine. */
const spans = (events: readonly TraceEvent[], cat: string, pid: number): readonly unknown[] =>
  events.flatMap((one) =>
    one.ph === 'X' && one.cat === cat && one.pid === pid ? [[one.name, one.ts, one.ts + one.dur]] : [],
  );

t.test('a trace is what Perfetto and Chrome open', (t) => {
  const text = renderTrace(
    traceOf([
      { name: 'a', machines: [SAVED, RESTORED] },
      { name: 'b', machines: [SAVED] },
    ]),
  );
  const trace = JSON.parse(text) as { traceEvents: TraceEvent[] };
  t.ok(isTrace(trace), JSON.stringify(isTrace.errors));
  t.notOk(isTrace({ traceEvents: [{ ...trace.traceEvents[0], ph: 'X' }] }), 'the schema asks for something');
  t.ok(isTrace(traceOf([])));
  t.same(
    trace.traceEvents.flatMap(({ ph, name, pid, args }) =>
      ph === 'M' && name === 'process_name' ? [[pid, args.name]] : [],
    ),
    [
      [1, 'a, machine 1'],
      [2, 'a, machine 2'],
      [3, 'b, machine 1'],
    ],
  );
  const threads = new Set(trace.traceEvents.flatMap(({ ph, pid, tid }) => (ph === 'M' ? [`${pid}.${tid}`] : [])));
  t.ok(
    trace.traceEvents.every(({ pid, tid }) => threads.has(`${pid}.${tid}`)),
    'each thread has a name',
  );
  t.end();
});

t.test('steps of the kernel, also those that did not end', (t) => {
  t.same(spans(EVENTS, 'step', 1), [
    ['copy', 30_000, 32_000],
    ['call', 20_000, 42_000],
    ['powerOff', 55_000, 60_000],
  ]);
  t.match(
    EVENTS.filter(({ name }) => name === 'copy' || name === 'powerOff'),
    [{ args: { instructions: 2000 } }, { args: { end: /stopped/ } }],
  );
  t.same(spans(EVENTS, 'step', 2), [['restore', 68_000, 69_000]], 'the end of the call belongs to the machine before');
  t.end();
});

t.test('a restore in the same machine ends the rollback', (t) => {
  const back = machine(1, 0, 50, [
    [stepBegin('rollback'), 20],
    [stepBegin('restore'), 22],
    [stepEnd('restore'), 23],
    [stepBegin('thawTasks'), 24],
    [stepEnd('thawTasks'), 25],
  ]);
  t.same(spans(traceOf([{ name: 'x', machines: [back] }]).traceEvents, 'step', 1), [
    ['restore', 22_000, 23_000],
    ['rollback', 20_000, 23_000],
    ['thawTasks', 24_000, 25_000],
  ]);
  t.end();
});

t.test('what was frozen, also by the kernel that was restored', (t) => {
  t.same(spans(EVENTS, 'freeze', 1), [
    ['tasks are frozen', 24_000, 40_000],
    ['filesystems are frozen', 22_000, 41_000],
  ]);
  t.same(spans(EVENTS, 'freeze', 2), [
    ['tasks are frozen', 65_000, 69_000],
    ['tasks are frozen', 69_000, 72_000],
  ]);
  const hung = traceOf([{ name: 'x', machines: [machine(1, 0, 50, [[stepEnd('freezeTasks'), 20]])] }]).traceEvents;
  t.same(spans(hung, 'freeze', 1), [['tasks are frozen', 20_000, 50_000]]);
  t.end();
});

t.test('writes, each to its disk and at about its time', (t) => {
  const disk = EVENTS.find(({ ph, args }) => ph === 'M' && args.name === 'writes to sdb');
  t.same(
    EVENTS.flatMap((one) => (one.ph === 'i' ? [[one.tid, one.ts, one.args]] : [])),
    [
      [disk?.tid, 13_750, { sector: 8, sectors: 2 }],
      [disk?.tid, 56_000, { sector: 64, sectors: 8 }],
    ],
  );
  t.end();
});
