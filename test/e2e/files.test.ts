// SPDX-License-Identifier: MIT
/** Files on their way into the guest: by a delivery and by frames, the same comes of it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { truncateSync } from 'node:fs';
import t from 'tap';
import { Agent, type Machine } from '../../tools/library.js';
import { encodeFrame } from '../../emulator/agent/frame.js';
import { payloadOf, PUT_FIRST, PUT_LAST, REQUEST } from '../../emulator/agent/protocol.js';
import { snapback } from './cycle-support.js';
import { bootable } from './guest-support.js';

const { booter, ready } = await bootable();
const bootedMachine = async (): Promise<Machine> => (await ready()).machine;

const contents = Uint8Array.from({ length: 1_300_001 }, (_, index) => (index * index) >> 5);
const sum = createHash('sha256').update(contents).digest('hex');

/** A machine that is never delivered anything. */
const without = (machine: Machine): Machine => ({
  ...machine,
  run: ({ deliver: _deliver, ...request }) => machine.run(request),
});

t.test('the same file by either way, and in a small part of the time', async (t) => {
  const put = async (machine: Machine) => {
    const agent = new Agent(machine);
    await agent.connect();
    const before = await machine.run({ virtualMsMax: 1 });
    await agent.putFile('/root/a/b/file', contents, { mode: 0o751 });
    const after = await machine.run({ virtualMsMax: 1 });
    const { stdout } = await agent.exec([
      '/bin/sh',
      '-c',
      'sync; cd /root/a && sha256sum b/file && stat -c "%a %u %s" b/file && ls -A . b',
    ]);
    await machine.close();
    return { instructions: after.instructions - before.instructions, said: new TextDecoder().decode(stdout) };
  };
  const delivered = await put(await bootedMachine());
  t.equal(delivered.said, `${sum}  b/file\n751 0 1300001\n.:\nb\n\nb:\nfile\n`);
  const framed = await put(without(await bootedMachine()));
  t.equal(framed.said, delivered.said);
  t.ok(
    delivered.instructions * 10 < framed.instructions,
    `${delivered.instructions} instructions instead of ${framed.instructions}`,
  );
});

t.test('in QEMU a file comes by a delivery, too: next to nothing of it goes over the serial line', async (t) => {
  const { inGuest } = await bootable({ engine: 'qemu', arch: 'x86_64', processors: 2, memoryMiB: 512 });
  await inGuest(async (_, { machine }) => {
    let serialBytes = 0;
    const run: Machine['run'] = (request) => {
      serialBytes += (request.send ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
      return machine.run(request);
    };
    const agent = new Agent({ ...machine, run });
    await agent.connect();
    await agent.putFile('/root/file', contents);
    t.ok(serialBytes < 1000, `${serialBytes} bytes`);
    const { stdout } = await agent.exec(['sha256sum', '/root/file']);
    t.equal(new TextDecoder().decode(stdout), `${sum}  /root/file\n`);
  });
});

t.test('a checkpoint holds what has not been fetched', async (t) => {
  const machine = await bootedMachine();
  const plainHash = await machine.stateHash();
  const piece = contents.slice(0, 100_001);
  await machine.run({ deliver: piece, virtualMsMax: 1 });
  const checkpoint = await machine.checkpoint();
  const restored = await booter.engine.restore(booter.config, checkpoint);
  t.equal(await restored.stateHash(), await machine.stateHash());
  t.not(await machine.stateHash(), plainHash);
  const fetch = encodeFrame({
    type: REQUEST.fetch,
    id: 77,
    payload: payloadOf(PUT_FIRST | PUT_LAST, 0o600, 0, piece.length, '/root/piece'),
  });
  const ends: string[] = [];
  for (const one of [machine, restored]) {
    await one.run({
      send: [{ channel: 'agent', bytes: fetch }],
      untilByte: { channel: 'agent', byte: 0 },
      virtualMsMax: 5000,
    });
    const agent = new Agent(one);
    await agent.connect();
    t.ok(Buffer.compare(await agent.getFile('/root/piece'), piece) === 0);
    ends.push(await one.stateHash());
    await one.close();
  }
  t.equal(ends[0], ends[1], 'both go on alike');
});

t.test('a file that is larger than the disk is refused before it is copied', async (t) => {
  const dir = t.testdir({
    'x.yaml': 'name: x\nfiles: [{ from: ./large.bin, to: /root/large.bin }]\nsteps: [boot, shutdown]\n',
    'large.bin': '',
  });
  truncateSync(join(dir, 'large.bin'), 300e6);
  const { status, stderr, stdout } = await snapback(['run', join(dir, 'x.yaml')]);
  t.equal(status, 2);
  t.equal(stdout, '');
  t.match(
    stderr,
    /large\.bin \(300\.0 MB\) does not fit into the guest: the filesystem of \/root\/large\.bin has [\d.]+ MB/,
  );
});
