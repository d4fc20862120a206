// SPDX-License-Identifier: MIT
/** The TypeScript half of the agent channel against the C half: the guest's own program, run on this host. */
import { mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { Agent } from '../../../emulator/agent/agent.js';
import { DELIMITER, encodeFrame, type Frame, FrameReader } from '../../../emulator/agent/frame.js';
import type { Job, Look } from '../../../emulator/agent/job.js';
import { ANSWER, KEPT_END_BYTES, payloadOf, REQUEST, START_FOLLOW } from '../../../emulator/agent/protocol.js';
import { GuestError, InputError } from '../../../emulator/machine/errors.js';
import { pathOf } from '../userspace/fixtures/programs.js';
import { childMachine, startAgent } from './fixtures/child-machine.js';

const program = pathOf('rig-agent');
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function connected(t: Test): Promise<{ agent: Agent; machine: ReturnType<typeof childMachine> }> {
  const machine = childMachine(startAgent(program));
  t.teardown(() => machine.close());
  const agent = new Agent(machine);
  await agent.connect();
  return { agent, machine };
}

test('the agent says who it is', async (t) => {
  const machine = childMachine(startAgent(program));
  t.teardown(() => machine.close());
  const identity = await new Agent(machine).connect();
  t.equal(identity.bootId, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  t.equal(identity.pid, machine.child.pid);
});

test('a program runs with its arguments, environment, folder and input', async (t) => {
  const { agent } = await connected(t);
  const result = await agent.exec(['sh', '-c', 'echo "$1|$WORD|$PWD"; cat; echo trouble >&2; exit 3', 'sh', "it's"], {
    env: { WORD: 'some words' },
    cwd: '/usr',
    stdin: 'from the host\n',
  });
  t.match(result, { ended: 'exited', exitCode: 3 });
  t.equal(text(result.stdout), "it's|some words|/usr\nfrom the host\n");
  t.equal(text(result.stderr), 'trouble\n');
});

test('without input a program reads an end of file at once', async (t) => {
  const { agent } = await connected(t);
  t.match(await agent.exec(['cat']), { ended: 'exited', exitCode: 0, stdout: new Uint8Array(0) });
});

test('a signal and a limit of time are told apart from an exit', async (t) => {
  const { agent } = await connected(t);
  t.match(await agent.exec(['sh', '-c', 'kill -SEGV $$']), { ended: 'signalled', signal: 11 });
  t.match(await agent.exec(['sh', '-c', 'echo before; sleep 60'], { timeoutMs: 200 }), { ended: 'timedOut' });
});

test('a program that does not exist is named', async (t) => {
  const { agent } = await connected(t);
  await t.rejects(
    agent.exec(['no-such-program']),
    new GuestError("cannot run 'no-such-program' in the guest: no-such-program: No such file or directory"),
  );
  await t.rejects(agent.exec(['true'], { cwd: '/no/such/folder' }), /\/no\/such\/folder: No such file/);
  t.match(await agent.exec(['true']), { ended: 'exited', exitCode: 0 });
});

test('bad commands are refused before they reach the guest', async (t) => {
  const { agent } = await connected(t);
  await t.rejects(agent.exec([]), InputError);
  await t.rejects(agent.exec(['echo', 'a\0b']), InputError);
  await t.rejects(agent.exec(['echo', 'x'.repeat(40_000)]), InputError);
});

test('much input and much output go through in both directions at once', async (t) => {
  const { agent } = await connected(t);
  const stdin = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31) >> 3);
  const result = await agent.exec(['cat'], { stdin });
  t.match(result, { ended: 'exited', exitCode: 0 });
  t.ok(Buffer.compare(result.stdout, stdin) === 0, 'three million bytes are the same');
});

test('a program that does not read its input does not hold up the channel', async (t) => {
  const { agent } = await connected(t);
  t.match(await agent.exec(['true'], { stdin: new Uint8Array(1_000_000) }), { ended: 'exited', exitCode: 0 });
});

test('programs in the background', async (t) => {
  const { agent } = await connected(t);
  const job = await agent.spawn(['sh', '-c', 'echo started; read line; echo "$line"; exit 7'], { stdin: '' });
  const idle = await agent.spawn(['sleep', '60']);
  const finished = await agent.wait(job);
  t.match(finished, { ended: 'exited', exitCode: 7 });
  t.equal(text(finished.stdout), 'started\n\n');
  t.match(await agent.peek(idle), { running: true });
  await agent.kill(idle, 15);
  t.match(await agent.wait(idle), { ended: 'signalled', signal: 15 });
  await t.rejects(agent.kill(idle, 15), /no such job/);
});

test('the end of a program is told apart from that of its process group', async (t) => {
  const { agent } = await connected(t);
  const look = async (job: Job, until: (look: Look) => boolean): Promise<Look> => {
    for (let tries = 0; ; tries++) {
      const seen = await agent.peek(job);
      if (until(seen) || tries === 200) return seen;
      await agent.letRun(20);
    }
  };
  const failed = await agent.spawn([
    'sh',
    '-c',
    'echo lost; (trap "" PIPE; sleep 0.5; echo more; exec sleep 60) & exit 3',
  ]);
  const first = await look(failed, ({ running }) => !running);
  t.match(first, { running: false, end: { ended: 'exited', exitCode: 3 }, groupRuns: true });
  t.equal(text(first.stdout), 'lost\n');
  const later = await look(failed, ({ stdout }) => stdout.length > 5);
  t.equal(text(later.stdout), 'lost\nmore\n', 'its output does not end with it');
  t.match(later, { end: { ended: 'exited', exitCode: 3 }, groupRuns: true });
  await agent.kill(failed, 9);
  t.match(await look(failed, ({ groupRuns }) => !groupRuns), { end: { exitCode: 3 }, groupRuns: false });
  await t.rejects(agent.kill(failed, 0), /No such process/);
  t.match(await agent.wait(failed), { ended: 'exited', exitCode: 3 });

  const killed = await agent.spawn(['sh', '-c', 'sleep 60 & kill -SEGV $$']);
  const segv = await look(killed, ({ running }) => !running);
  t.match(segv, { end: { ended: 'signalled', signal: 11 }, groupRuns: true });
  await agent.kill(killed, 9);
});

test('of a program that prints without end, the beginning and the end are kept', async (t) => {
  const { agent } = await connected(t);
  const lines = 1_000_000;
  const job = await agent.spawn(['sh', '-c', `echo begin; sleep 0.2; seq ${lines}; echo end >&2; exec sleep 60`], {
    onlyEnds: true,
  });
  const all = Buffer.from(`begin\n${Array.from({ length: lines }, (_, line) => `${line + 1}\n`).join('')}`);
  // Once early, so that the next answer has to go on from there.
  while (text((await agent.peek(job)).stdout) === '') await agent.letRun(10);
  let seen = await agent.peek(job);
  for (let tries = 0; tries < 500 && seen.stderr.length === 0; tries++) {
    await agent.letRun(20);
    seen = await agent.peek(job);
  }
  t.equal(text(seen.stderr), 'end\n', 'it did not have to wait');
  const other = agent.adopt(job.id, ['another host'], { onlyEnds: true });
  for (const { stdout, gaps } of [await agent.peek(other), seen]) {
    const gap = gaps?.stdout;
    t.ok(gap && gap.atBytes >= KEPT_END_BYTES && stdout.length - gap.atBytes >= KEPT_END_BYTES);
    t.equal(stdout.length + (gap?.bytes ?? 0), all.length);
    t.ok(Buffer.from(stdout.subarray(0, gap?.atBytes)).equals(all.subarray(0, gap?.atBytes)), 'the beginning');
    const end = stdout.subarray(gap?.atBytes);
    t.ok(Buffer.from(end).equals(all.subarray(-end.length)), 'the end');
  }
  await agent.kill(other, 9);
  t.match(await agent.wait(other), { ended: 'signalled', signal: 9 });
});

test('peek shows output before the end', async (t) => {
  const { agent } = await connected(t);
  const job = await agent.spawn(['sh', '-c', 'echo early; sleep 60']);
  let seen = await agent.peek(job);
  for (let tries = 0; tries < 100 && seen.stdout.length === 0; tries++) {
    await agent.letRun(20);
    seen = await agent.peek(job);
  }
  t.equal(text(seen.stdout), 'early\n');
  t.equal(seen.running, true);
  await agent.kill(job, 9);
  t.match(await agent.wait(job), { ended: 'signalled', signal: 9, stdout: new TextEncoder().encode('early\n') });
});

test('output that a program has not written after a resume is given up', async (t) => {
  // Two guests, as they are before and after a resume: the second program is the first one at an earlier time.
  const live = await connected(t);
  const restored = await connected(t);
  const job = await live.agent.spawn(['sh', '-c', 'echo early; echo lost; sleep 60']);
  while (text((await live.agent.peek(job)).stdout) !== 'early\nlost\n') await live.agent.letRun(10);
  const earlier = await restored.agent.spawn(['sh', '-c', 'echo early; sleep 60']);
  t.equal(earlier.id, job.id);
  while (text((await restored.agent.peek(earlier)).stdout) === '') await restored.agent.letRun(10);
  await live.agent.kill(job, 9);
  await live.agent.attach(restored.machine);
  t.match(await live.agent.peek(job), { running: true, stdout: new TextEncoder().encode('early\n') });
  await live.agent.kill(job, 9);
  t.match(await live.agent.wait(job), { ended: 'signalled', stdout: new TextEncoder().encode('early\n') });
});

test('a child that outlives its parent and holds its output does not delay the end', async (t) => {
  const { agent } = await connected(t);
  const result = await agent.exec(['sh', '-c', 'sleep 60 & echo $!']);
  t.match(result, { ended: 'exited', exitCode: 0 });
  process.kill(Number(text(result.stdout)));
});

test('files go in and out', async (t) => {
  const { agent } = await connected(t);
  const dir = mkdtempSync(join(tmpdir(), 'snapback-agent-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const contents = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 13) >> 2);
  const path = join(dir, 'a/b/file');
  await agent.putFile(path, contents, { mode: 0o751 });
  t.ok(Buffer.compare(readFileSync(path), contents) === 0);
  t.equal(statSync(path).mode & 0o7777, 0o751);
  t.ok(Buffer.compare(await agent.getFile(path), contents) === 0);
  await agent.putFile(join(dir, 'empty'), new Uint8Array(0));
  t.same(await agent.getFile(join(dir, 'empty')), new Uint8Array(0));
  t.match(text(await agent.getFile('/proc/self/comm')), /^rig-agent/);
  await t.rejects(agent.getFile(join(dir, 'missing')), /missing: No such file or directory/);
  await t.rejects(agent.getFile(dir), /Is a directory/);
});

test('the room for a file is that of the filesystem it would lie on', async (t) => {
  const { agent } = await connected(t);
  const dir = mkdtempSync(join(tmpdir(), 'snapback-agent-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const room = await agent.roomFor(join(dir, 'not/yet/there'));
  const { blocks, bsize } = statfsSync(dir);
  t.match(room, { device: statSync(dir).dev, blockBytes: bsize, blocks: Math.min(blocks, 2 ** 32 - 1) });
  t.ok(room && room.freeBlocks > 0 && room.freeBlocks <= room.blocks && room.freeInodes > 0);
  await t.rejects(agent.roomFor('relative'), /malformed request/);
});

test('what is no frame harms nothing', async (t) => {
  const { agent, machine } = await connected(t);
  machine.child.stdin.write(Uint8Array.from({ length: 100_000 }, (_, i) => (i % 255) + 1));
  await agent.connect();
  const result = await agent.exec(['echo', 'still here']);
  t.equal(text(result.stdout), 'still here\n');
});

test('a request that comes twice is done once, and answered twice', async (t) => {
  const machine = childMachine(startAgent(program));
  t.teardown(() => machine.close());
  const dir = mkdtempSync(join(tmpdir(), 'snapback-agent-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const words = ['sh', '-c', `echo ran >> ${dir}/log`];
  const start = encodeFrame({
    type: REQUEST.start,
    id: 5,
    payload: payloadOf(START_FOLLOW, 0, words.length, 0, '', ...words),
  });
  const reader = new FrameReader();
  const frames: Frame[] = [];
  const until = async (send: Uint8Array, count: number): Promise<void> => {
    let outgoing = [{ channel: 'agent' as const, bytes: send }];
    while (frames.length < count) {
      const report = await machine.run({
        send: outgoing,
        untilByte: { channel: 'agent', byte: DELIMITER },
        virtualMsMax: 10_000,
      });
      if (report.reason.why !== 'byte') throw new Error(`no more frames: ${report.reason.why}`);
      frames.push(...reader.take(report.agent));
      outgoing = [];
    }
  };
  await until(start, 2);
  await until(start, 3);
  t.same(
    frames.map(({ type, id }) => [type, id]),
    [
      [ANSWER.started, 5],
      [ANSWER.status, 5],
      [ANSWER.started, 5],
    ],
  );
  t.same(frames[2], frames[0]);
  t.equal(readFileSync(join(dir, 'log'), 'utf8'), 'ran\n');
});

test('a wait that is in vain says for what', async (t) => {
  const { agent } = await connected(t);
  await t.rejects(
    agent.exec(['sleep', '60'], { virtualMsMax: 100 }),
    /did not answer within 100 ms.*awaited: the end of 'sleep 60'/,
  );
});

test('a program goes on in another machine', async (t) => {
  const { agent, machine } = await connected(t);
  const job = await agent.spawn(['sh', '-c', 'echo one; read line; echo two'], { stdin: 'x\n' });
  t.equal(text((await agent.peek(job)).stdout).slice(0, 3).length <= 4, true);
  // The same agent behind another object: what a resume looks like from the host.
  machine.child.stdout.removeAllListeners('data');
  machine.child.stdin.write(Uint8Array.of(9, 9, 9));
  const second = childMachine(machine.child);
  const { pid } = await agent.attach(second);
  t.equal(pid, machine.child.pid);
  const result = await agent.wait(job);
  t.match(result, { ended: 'exited', exitCode: 0 });
  t.equal(text(result.stdout), 'one\ntwo\n');
});

test('when the machine ends, so does the wait', async (t) => {
  const { agent, machine } = await connected(t);
  const result = await agent.exec([
    'sh',
    '-c',
    `echo last words; sleep 1; kill -9 ${String(machine.child.pid)}; sleep 60`,
  ]);
  t.match(result, { ended: 'halted' });
  t.equal(text(result.stdout), 'last words\n');
  await t.rejects(agent.getFile('/proc/version'), /the machine stopped \(halted\)/);
});
