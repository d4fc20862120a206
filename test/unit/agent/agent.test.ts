// SPDX-License-Identifier: MIT
/** How the agent's host side deals with machines that stop, are cut off, or say strange things. */
import { test } from 'tap';
import { Agent } from '../../../emulator/agent/agent.js';
import type { Frame } from '../../../emulator/agent/frame.js';
import { ANSWER, JOB_STATE, payloadOf, PROTOCOL_VERSION, REQUEST } from '../../../emulator/agent/protocol.js';
import type { RunReport } from '../../../emulator/machine/contract.js';
import { Job, Overdue } from '../../../emulator/agent/job.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { type Move, type ScriptedMachine, scriptedMachine } from './fixtures/scripted-machine.js';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const NONE = new Uint8Array(0);
const output = (id: number, offset: number, bytes: string): Frame => ({
  type: ANSWER.output,
  id,
  payload: payloadOf(1, offset, ascii(bytes)),
});
const exited = (id: number, code: number, bytes: number): Frame => ({
  type: ANSWER.status,
  id,
  payload: payloadOf(JOB_STATE.exited, code, bytes, 0),
});
const hello = (request: Frame, highestId = 0): Frame => ({
  type: ANSWER.hello,
  id: 0,
  payload: payloadOf(
    PROTOCOL_VERSION,
    new DataView(request.payload.buffer, request.payload.byteOffset).getUint32(0, true),
    42,
    highestId,
    'boot-id',
  ),
});

/** An agent that answers as the real one does to whatever is not the point of a test. */
function usual(frame: Frame): Frame {
  if (frame.type === REQUEST.hello) return hello(frame);
  if (frame.type === REQUEST.start) return { type: ANSWER.started, id: frame.id, payload: payloadOf(77) };
  return { type: ANSWER.ok, id: frame.id, payload: NONE };
}

const byType = (moves: Readonly<Record<number, (frame: Frame) => Move | undefined>>): ScriptedMachine =>
  scriptedMachine(([frame]) =>
    frame === undefined ? undefined : (moves[frame.type]?.(frame) ?? { frames: [usual(frame)] }),
  );

test('every report reaches the sink, once and in order', async (t) => {
  const reports: RunReport[] = [];
  const machine = byType({
    [REQUEST.start]: (frame) => ({
      frames: [usual(frame), output(frame.id, 0, 'hi'), exited(frame.id, 0, 2)],
      report: { console: ascii('line\n') },
    }),
  });
  const agent = new Agent(machine, { onReport: (report) => reports.push(report) });
  t.match(await agent.exec(['x']), { ended: 'exited', exitCode: 0 });
  t.equal(reports.length, machine.runs.length);
  t.equal(reports.map((report) => text(report.console)).join(''), 'line\n');
  t.same(agent.consoleTail, ['line']);
});

test('a machine that halts, is cut or resets ends an exec with that, and with the output so far', async (t) => {
  for (const why of ['halted', 'powerCut', 'reset'] as const) {
    const machine = byType({
      [REQUEST.start]: (frame) => ({
        frames: [usual(frame), output(frame.id, 0, 'so far')],
        report: { reason: { why } },
      }),
    });
    const result = await new Agent(machine).exec(['suspend']);
    t.equal(result.ended, why);
    t.equal(text(result.stdout), 'so far');
  }
});

test('an end that came with the last breath of the machine counts', async (t) => {
  const machine = byType({
    [REQUEST.start]: (frame) => ({
      frames: [usual(frame), exited(frame.id, 5, 0)],
      report: { reason: { why: 'halted' } },
    }),
  });
  t.match(await new Agent(machine).exec(['poweroff']), { ended: 'exited', exitCode: 5 });
});

test('a trigger stops an exec, which goes on afterwards', async (t) => {
  let runs = 0;
  const machine = scriptedMachine(([frame]) => {
    if (frame?.type === REQUEST.start) return { frames: [usual(frame)] };
    if (frame?.type === REQUEST.release) return { frames: [usual(frame)] };
    runs++;
    return runs === 1
      ? { report: { reason: { why: 'trigger', index: 1 } } }
      : { frames: [output(1, 0, 'z'), exited(1, 0, 1)] };
  });
  const agent = new Agent(machine);
  const triggers = [
    { when: { on: 'marker', kind: 1 }, then: { do: 'capture', label: 'a' } },
    { when: { on: 'marker', kind: 2 }, then: { do: 'stop' } },
  ] as const;
  const stopped = await agent.exec(['x'], { triggers });
  t.match(stopped, { ended: 'stopped', trigger: 1 });
  if (stopped.ended !== 'stopped') return;
  t.equal(machine.runs.at(-1)?.triggers?.length, 2);
  const result = await agent.wait(stopped.job);
  t.match(result, { ended: 'exited' });
  t.equal(text(result.stdout), 'z');
});

test('after a resume the rest of a job is asked for from where it was lost', async (t) => {
  const first = byType({
    [REQUEST.start]: (frame) => ({
      frames: [usual(frame), output(frame.id, 0, 'before ')],
      report: { reason: { why: 'halted' } },
    }),
  });
  const agent = new Agent(first);
  const halted = await agent.exec(['suspend']);
  if (halted.ended !== 'halted') throw new Error(halted.ended);
  const second = byType({
    // The other timeline sends again what the first machine had sent already.
    [REQUEST.collect]: (frame) => ({ frames: [output(frame.id, 3, 'ore after'), exited(frame.id, 0, 12)] }),
  });
  t.same(await agent.attach(second), { bootId: 'boot-id', pid: 42 });
  const result = await agent.wait(halted.job);
  t.match(result, { ended: 'exited', exitCode: 0 });
  t.equal(text(result.stdout), 'before after');
  t.same(second.received.find(({ type }) => type === REQUEST.collect)?.payload, payloadOf(7, 0, 1));
});

test('output of a timeline that was rolled back is given up', async (t) => {
  const run = async (...frames: readonly ((id: number) => Frame)[]): Promise<string> => {
    const machine = byType({
      [REQUEST.start]: (frame) => ({ frames: [usual(frame), ...frames.map((of) => of(frame.id))] }),
    });
    const result = await new Agent(machine).exec(['x']);
    t.match(result, { ended: 'exited' });
    return text(result.stdout);
  };
  const before = (id: number): Frame => output(id, 0, 'before ');
  const live = (id: number): Frame => output(id, 7, 'live');
  t.equal(await run(before, live, (id) => exited(id, 0, 7)), 'before ', 'nothing was written after it');
  t.equal(
    await run(
      before,
      live,
      (id) => output(id, 7, 'back'),
      (id) => exited(id, 0, 11),
    ),
    'before back',
  );
  t.equal(
    await run(
      before,
      live,
      (id) => output(id, 7, 'in'),
      (id) => exited(id, 0, 9),
    ),
    'before in',
    'less was',
  );
});

test('output with a gap is given up to where the guest went back to', async (t) => {
  const at = (offset: number): string => {
    const job = new Job(1, ['x'], NONE, undefined, { onlyEnds: true });
    for (const frame of [output(1, 0, 'head'), output(1, 10, 'tail'), output(1, offset, '')]) job.take(frame);
    const { stdout, gaps } = job.output;
    return `${text(stdout)} ${gaps?.stdout?.bytes ?? 0} ${job.offsets[0]}`;
  };
  t.equal(at(14), 'headtail 6 14');
  t.equal(at(12), 'headta 6 12');
  t.equal(at(8), 'head 4 8', 'inside of the gap');
  t.equal(at(4), 'head 0 4');
  t.equal(at(2), 'he 0 2');
});

test('output that is missing is an error of the rig, never a shorter output', async (t) => {
  const machine = byType({ [REQUEST.start]: (frame) => ({ frames: [usual(frame), output(frame.id, 4, 'late')] }) });
  await t.rejects(new Agent(machine).exec(['x']), RigError);
});

test('greetings are repeated until one is answered, and only until the bound', async (t) => {
  let asked = 0;
  const late = scriptedMachine(([frame]) =>
    frame?.type === REQUEST.hello && ++asked === 3 ? { frames: [hello(frame)] } : undefined,
  );
  t.match(await new Agent(late).connect(), { pid: 42 });
  t.equal(asked, 3);
  const never = scriptedMachine(() => undefined);
  await t.rejects(
    new Agent(never).connect({ virtualMsMax: 2000 }),
    /did not answer within 2000 ms .*the agent to answer/,
  );
  t.equal(never.runs.length, 4);
  t.equal(
    never.runs.reduce((sum, run) => sum + run.virtualMsMax, 0),
    2000,
  );
});

test('an answer to an older greeting is not taken for the new one', async (t) => {
  const machine = scriptedMachine(([frame]) => {
    if (frame?.type !== REQUEST.hello) return undefined;
    const stale: Frame = { ...hello(frame), payload: payloadOf(PROTOCOL_VERSION, 999, 1, 0, 'stale') };
    return { frames: [stale, hello(frame)] };
  });
  t.match(await new Agent(machine).connect(), { bootId: 'boot-id' });
});

test('ids go on above those that the agent has seen', async (t) => {
  const machine = byType({ [REQUEST.hello]: (frame) => ({ frames: [hello(frame, 1000)] }) });
  const agent = new Agent(machine);
  await agent.connect();
  await agent.mark(0x3000);
  t.equal(machine.received.at(-1)?.id, 1001);
});

test('an agent of another age is refused', async (t) => {
  const machine = byType({
    [REQUEST.hello]: () => ({ frames: [{ type: ANSWER.hello, id: 0, payload: payloadOf(99, 1, 1, 0, 'x') }] }),
  });
  await t.rejects(new Agent(machine).connect(), { message: /version 99/, remedy: /rebuild the disk image/ });
});

test('a wait is bounded in virtual time over all its runs, and its error shows the console', async (t) => {
  const machine = scriptedMachine(([frame]) => {
    if (frame?.type === REQUEST.start)
      return { frames: [usual(frame)], report: { console: ascii('BUG: something\r\n') } };
    return { frames: [output(77, 0, 'of another job')], virtualMs: 40 };
  });
  const attempt = new Agent(machine).exec(['x'], { virtualMsMax: 200 });
  await t.rejects(attempt, Overdue);
  await t.rejects(attempt, { message: /within 200 ms .*the end of 'x'/, consoleTail: ['BUG: something'] });
  t.equal(machine.runs.length, 6);
});

test('a job of which a new agent knows nothing is told as such', async (t) => {
  const machine = byType({
    [REQUEST.collect]: (frame) => ({
      frames: [{ type: ANSWER.error, id: frame.id, payload: payloadOf(3, 'no such job: No such process') }],
    }),
  });
  const agent = new Agent(machine);
  const job = await agent.spawn(['x']);
  await t.rejects(agent.wait(job), { message: /no such job/, remedy: /was restarted/ });
});

test('Ctrl-C ends a wait with the reason given', async (t) => {
  const stop = new AbortController();
  const machine = scriptedMachine(() => {
    stop.abort(new Error('Ctrl-C'));
    return { report: { reason: { why: 'aborted' } } };
  });
  await t.rejects(new Agent(machine, { signal: stop.signal }).connect(), /Ctrl-C/);
});

test('powering off waits until the machine stands still', async (t) => {
  const machine = scriptedMachine(([frame]) =>
    frame === undefined ? { report: { reason: { why: 'halted' } } } : { frames: [usual(frame)] },
  );
  t.same(await new Agent(machine).powerOff(), { why: 'halted' });
  const deaf = byType({});
  await t.rejects(new Agent(deaf).powerOff({ virtualMsMax: 100 }), /the guest to power off/);
});

test('a wait may take as many times its bound as the engine has patience', async (t) => {
  for (const [patience, boundMs] of [
    [undefined, 5_000],
    [15, 75_000],
  ] as const) {
    const machine = { ...scriptedMachine(() => undefined), ...(patience && { patience }) };
    const agent = new Agent(machine);
    await t.rejects(agent.exec(['true'], { virtualMsMax: 5_000 }), { message: new RegExp(`within ${boundMs} ms`) });
    t.equal(machine.runs[0]?.virtualMsMax, boundMs);
    await t.rejects(agent.connect({ virtualMsMax: 1_000 }), { message: new RegExp(`within ${boundMs / 5} ms`) });
    await agent.letRun(7);
    t.equal(machine.runs.at(-1)?.virtualMsMax, 7, 'time that is to pass is no bound');
  }
});
