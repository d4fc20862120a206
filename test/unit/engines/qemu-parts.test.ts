// SPDX-License-Identifier: MIT
/** Parts of the QEMU engine that need no QEMU: its registers, its disks' protocol, its command line. */
import t from 'tap';
import { packMachine, unpackMachine } from '../../../emulator/engines/qemu/checkpoint.js';
import { argumentsOf } from '../../../emulator/engines/qemu/command-line.js';
import { DISK_BUSES } from '../../../emulator/machine/contract.js';
import { createFlushes } from '../../../emulator/engines/qemu/flushes.js';
import { serveNbd, type NbdDisk } from '../../../emulator/engines/qemu/nbd.js';
import { isDead, readProcessors, senders } from '../../../emulator/engines/qemu/processors.js';
import { packPages } from '../../../emulator/disks/sparse.js';
import { concat } from '../../../emulator/machine/bytes.js';
import { InputError, RigError } from '../../../emulator/machine/errors.js';

const SENT = 'EDI=52494721';
const cpu = (number: number, edi: string, more: { eip?: string; flags?: string; halted?: 0 | 1 } = {}): string =>
  [
    `CPU#${number}`,
    'EAX=00000001 EBX=00001fff ECX=0196fe20 EDX=00005b30',
    `ESI=00002530 ${edi} EBP=00000000 ESP=0000fff0`,
    `EIP=${more.eip ?? '00001000'} EFL=${more.flags ?? '00000002'} [-------] CPL=0 II=0 A20=1 SMM=0 HLT=${more.halted ?? 0}`,
    'CR0=80050033 CR2=00000000 CR3=01000000 CR4=00000690',
    '',
  ].join('\r\n');

t.test('registers of processors in any mode', (t) => {
  const wide = [
    'CPU#1',
    'RAX=0000000000000001 RBX=0000000000001011 RCX=ffffffff00000007 RDX=0000000000005b30',
    'RSI=0000000000000009 RDI=0000000052494721 RBP=0000000000000000 RSP=ffffc90000013e98',
    'R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000',
    'RIP=ffffffff81000000 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1',
    '',
  ].join('\r\n');
  const [narrow, other] = readProcessors(`\r\n${cpu(0, SENT)}\r\n${wide}`);
  t.match(narrow, {
    marker: { kind: 0x1fff, word0: 0x196fe20, word1: 0x2530 },
    isHalted: false,
    takesInterrupts: false,
  });
  t.match(other, { marker: { kind: 0x1011, word0: 7, word1: 9 }, isHalted: true, takesInterrupts: true });
  t.equal(readProcessors(cpu(0, 'EDI=52494720'))[0]?.marker, undefined, 'about to send it');
  t.throws(() => readProcessors('unknown command'), RigError);
  t.throws(() => readProcessors('CPU#0\r\nA=1'), RigError);
  t.end();
});

t.test('a machine is dead when nothing can wake any of its processors', (t) => {
  const halted = cpu(0, 'EDI=0', { halted: 1 });
  t.ok(isDead(readProcessors(halted + cpu(1, 'EDI=0', { halted: 1 }))));
  t.notOk(isDead(readProcessors(halted + cpu(1, 'EDI=0'))), 'one runs');
  t.notOk(isDead(readProcessors(halted + cpu(1, 'EDI=0', { halted: 1, flags: '00000246' }))), 'one sleeps');
  t.end();
});

t.test('a processor that still stands at an earlier marker has not sent another', (t) => {
  const both = readProcessors(cpu(0, SENT) + cpu(1, SENT, { eip: '00002000' }));
  const place = (index: number): string => both[index]?.marker?.place ?? '';
  t.same(senders(both, 2, new Set()), [0, 1], 'both at once');
  t.same(senders(both, 1, new Set([place(0)])), [1]);
  t.same(senders(both, 1, new Set([place(1)])), [0]);
  t.same(senders(both, 2, new Set([place(0)])), [0, 1], 'one sent the same marker from the same place again');
  const moved = readProcessors(cpu(0, 'EDI=0') + cpu(1, SENT));
  t.equal(moved[1]?.marker?.place, place(0), 'a program that was interrupted there may go on on another processor');
  t.same(senders(moved, 0, new Set([place(0)])), []);
  t.same(senders(moved, 1, new Set([place(0)])), [1]);
  t.same(senders(readProcessors(cpu(0, 'EDI=0')), 1, new Set()), [], "a panic that is none of the rig's markers");
  t.end();
});

/** A client of a server of 8 sectors. */
function client(disk: Partial<NbdDisk> = {}) {
  const content = new Uint8Array(8 * 512);
  const sent: Uint8Array[] = [];
  let ended: unknown = false;
  const server = serveNbd(
    {
      byteLength: content.length,
      read: (offset, length) => content.slice(offset, offset + length),
      write: (offset, bytes) => Promise.resolve(content.set(bytes, offset)),
      flush: () => 'done',
      hasForcedWrites: true,
      ...disk,
    },
    (bytes) => sent.push(bytes),
    (error) => (ended = error ?? true),
  );
  const say = async (bytes: Uint8Array): Promise<Uint8Array> => {
    sent.length = 0;
    // In two pieces, as sockets cut messages anywhere.
    server.receive(bytes.subarray(0, 5));
    server.receive(bytes.subarray(5));
    await new Promise((resolve) => setTimeout(resolve));
    return concat(sent);
  };
  const option = (kind: number, data = new Uint8Array(0)): Promise<Uint8Array> => {
    const head = Buffer.alloc(16);
    head.write('IHAVEOPT');
    head.writeUInt32BE(kind, 8);
    head.writeUInt32BE(data.length, 12);
    return say(concat([head, data]));
  };
  const request = (kind: number, offset: number, length: number, data = new Uint8Array(0)): Promise<Uint8Array> => {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(0x25609513, 0);
    head.writeUInt16BE(kind, 6);
    head.writeBigUInt64BE(77n, 8);
    head.writeBigUInt64BE(BigInt(offset), 16);
    head.writeUInt32BE(length, 24);
    return say(concat([head, data]));
  };
  return { content, greeting: concat(sent), say, option, request, hasEnded: () => ended };
}

async function connected(disk: Partial<NbdDisk> = {}) {
  const one = client(disk);
  await one.say(Uint8Array.of(0, 0, 0, 3));
  const go = await one.option(7, new Uint8Array(6));
  return { ...one, go };
}

const errorOf = (reply: Uint8Array): number => Buffer.from(reply).readUInt32BE(4);

t.test('the protocol of the disks: negotiation', async (t) => {
  const { greeting, say, option } = client();
  t.equal(Buffer.from(greeting).toString('latin1', 0, 16), 'NBDMAGICIHAVEOPT');
  await say(Uint8Array.of(0, 0, 0, 3));
  const refused = Buffer.from(await option(8));
  t.equal(refused.readUInt32BE(12), 0x80000001, 'an option that it does not know');
  const { go } = await connected();
  t.equal(Buffer.from(go).readUInt32BE(12), 3);
  t.equal(Buffer.from(go).readBigUInt64BE(22), 8n * 512n, 'the size');
  t.equal(Buffer.from(go).readUInt16BE(30), 1 | 4 | 8, 'flushes, and forced writes');
  const cached = await connected({ hasForcedWrites: false });
  t.equal(Buffer.from(cached.go).readUInt16BE(30), 1 | 4);
});

t.test('the protocol of the disks: requests', async (t) => {
  const { request, content, hasEnded } = await connected();
  const bytes = new Uint8Array(1024).fill(7);
  t.equal(errorOf(await request(1, 512, 1024, bytes)), 0);
  t.same(content.slice(512, 1536), bytes);
  const read = await request(0, 512, 512);
  t.equal(read.length, 16 + 512);
  t.equal(Buffer.from(read).readBigUInt64BE(8), 77n, 'the handle of the request');
  t.equal(read[16], 7);
  t.equal(errorOf(await request(3, 0, 0)), 0, 'a flush');
  for (const [kind, offset, length] of [
    [0, 8 * 512, 512],
    [0, 100, 512],
    [0, 0, 100],
    [9, 0, 512],
  ] as const)
    t.equal(errorOf(await request(kind, offset, length)), 22, `${kind} ${offset} ${length}`);
  t.equal(errorOf(await request(1, 7 * 512, 1024, bytes)), 22, 'beyond the end');
  t.equal(errorOf(await request(0, 0, 512)), 0, 'and it lives on');
  await request(0, 0, 0xffff_fe00);
  t.match(hasEnded(), { message: 'QEMU asks a disk for 4294966784 bytes at once' }, 'a length that no QEMU asks for');
});

t.test('the protocol of the disks: requests that fail', async (t) => {
  const failed = () => 'failed' as const;
  const { request } = await connected({ read: failed, write: failed, flush: failed });
  t.equal(errorOf(await request(0, 0, 512)), 5);
  t.equal(errorOf(await request(1, 0, 512, new Uint8Array(512))), 5);
  t.equal(errorOf(await request(3, 0, 0)), 5);
  t.equal((await request(0, 0, 512)).length, 16, 'without data');
});

t.test('the protocol of the disks: how a connection ends', async (t) => {
  const asked = await connected();
  await asked.request(2, 0, 0);
  t.equal(asked.hasEnded(), true);
  const nonsense = await connected();
  await nonsense.say(new Uint8Array(28));
  t.match(nonsense.hasEnded(), { message: /no request to a disk/ });
  const broken = await connected({
    read: () => {
      throw new Error('of the disk');
    },
  });
  await broken.request(0, 0, 512);
  t.match(broken.hasEnded(), { message: 'of the disk' }, "the guest must not take the rig's own errors for the disk's");
});

t.test('the protocol of the disks: what follows a write waits for it', async (t) => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const { request, say } = await connected({ write: () => held });
  t.equal((await request(1, 0, 512, new Uint8Array(512))).length, 0, 'not answered');
  t.equal((await request(3, 0, 0)).length, 0, 'nor what follows');
  release();
  t.equal((await say(new Uint8Array(0))).length, 2 * 16);
});

const CONFIG = {
  memoryMiB: 256,
  processors: 4,
  bios: new Uint8Array(0),
  vgaBios: new Uint8Array(0),
  kernel: new Uint8Array(0),
  cmdline: 'a b,c',
  disks: [{ base: new Uint8Array(512) }, { base: new Uint8Array(512) }],
  seed: 1,
  wallClockMs: Date.UTC(2026, 0, 2, 3, 4, 5),
};
const PATHS = {
  kernel: '/t/k',
  monitor: '/t/a,b',
  memory: '/t/m',
  console: '/t/c',
  agent: '/t/d',
  window: '/t/w',
  disks: ['/t/e', '/t/f'],
  stops: '/t/s,1',
};

t.test('the command line', (t) => {
  const line = argumentsOf(CONFIG, PATHS);
  const after = (option: string): string | undefined => line[line.indexOf(option) + 1];
  t.equal(after('-machine'), 'pc,memory-backend=ram,usb=off,vmport=off');
  t.equal(after('-smp'), '4');
  t.equal(after('-append'), 'a b,c rig.disks=snapback0,snapback1', 'with the serial numbers of the disks');
  t.equal(after('-chardev'), 'socket,id=monitor,path=/t/a,,b');
  t.equal(after('-rtc'), 'base=2026-01-02T03:04:05,clock=vm');
  t.notOk(line.includes('-initrd'));
  t.notOk(line.includes('-incoming'));
  const restored = argumentsOf({ ...CONFIG, isRestored: true }, PATHS);
  t.equal(restored[restored.indexOf('-incoming') + 1], 'defer', 'a restored machine waits for its state');
  const large = argumentsOf({ ...CONFIG, highMemoryMiB: 128, nodes: 2 }, PATHS).join(' ');
  t.match(large, '-machine pc,usb=off,vmport=off,max-ram-below-4g=128M');
  t.match(large, 'id=ram0,size=128M,share=on -numa node,nodeid=0,memdev=ram0,cpus=0-1');
  t.match(large, 'id=ram1,size=128M,share=on -numa node,nodeid=1,memdev=ram1,cpus=2-3');
  t.end();
});

t.test('a checkpoint holds a machine, and fits only to its config', (t) => {
  const [memory, window] = [new Uint8Array(256 << 20), new Uint8Array(8192)];
  memory[5 << 20] = 7;
  window[4096] = 9;
  const block = new Uint8Array(4096).fill(3);
  const disk = { writeCount: 2, blocks: new Map([[4, block]]), failures: [], unflushed: 1 };
  const saved = {
    events: 11,
    markerPlaces: ['here'],
    virtualMs: 1.5,
    disks: [disk, { ...disk, writeCount: 0, blocks: new Map(), unflushed: 0 }],
    window,
    windowAt: 0xfe80_0000,
    memory: packPages(memory),
    devices: Uint8Array.of(1, 2, 3),
  };
  const bytes = packMachine(CONFIG, saved);
  t.ok(bytes.length < 1 << 20, 'without the pages that are zero');
  t.same(unpackMachine(CONFIG, bytes), saved);
  for (const other of [
    { processors: 2 },
    { memoryMiB: 512 },
    { wallClockMs: 0 },
    { diskBus: 'ahci' as const },
    { disks: [] },
  ])
    t.throws(() => unpackMachine({ ...CONFIG, ...other }, bytes), InputError, Object.keys(other).join());
  t.throws(() => unpackMachine(CONFIG, bytes.subarray(0, 4000)), InputError, 'cut short');
  t.end();
});

t.test('disks on every bus are attached in their order, with their serial numbers', (t) => {
  for (const diskBus of DISK_BUSES) {
    const devices = argumentsOf({ ...CONFIG, diskBus }, PATHS).filter((one) => one.includes('drive=disk'));
    t.match(devices, [/drive=disk0,serial=snapback0,/, /drive=disk1,serial=snapback1,/], diskBus);
    t.ok(devices.every((one) => one.includes('write-cache=off')));
    const cached = argumentsOf({ ...CONFIG, diskBus, volatileCaches: true }, PATHS);
    t.equal(cached.filter((one) => one.includes('drive=disk') && one.includes('write-cache=on')).length, 2);
  }
  t.end();
});

t.test('the drive that QEMU flushes first is no device of the guest, and is made before all', (t) => {
  const line = argumentsOf(CONFIG, PATHS);
  const drive = line.findIndex((one) => one.startsWith('if=none,id=stops,driver=nbd,'));
  t.equal(line[drive], 'if=none,id=stops,driver=nbd,server.type=unix,server.path=/t/s,,1');
  t.equal(line[drive - 1], '-drive');
  t.ok(drive < line.findIndex((one) => one.includes('"node-name":"disk0"')));
  t.notOk(line.some((one) => one.includes('drive=stops')));
  t.end();
});

t.test("QEMU's own flushes are told from the guest's", (t) => {
  const flushes = createFlushes(2);
  t.notOk(flushes.isOwn(0), 'of a running machine');
  flushes.stopping();
  t.ok(flushes.isOwn(1));
  t.notOk(flushes.isOwn(1), 'only one of each disk');
  flushes.running();
  t.notOk(flushes.isOwn(0), 'one that did not come is forgotten');
  flushes.stopping();
  flushes.stopping();
  t.ok(flushes.isOwn(0));
  t.notOk(flushes.isOwn(0));
  t.end();
});

t.test('the disks on the command line, also in the reverse order', (t) => {
  const disks = (disksReversed: boolean): readonly string[] =>
    argumentsOf({ ...CONFIG, disksReversed }, PATHS).filter((one) => one.includes('drive='));
  const disk = (number: number, unit: number): RegExp =>
    new RegExp(
      `drive=disk${number},serial=snapback${number},.*unit=${unit},write-cache=off,rerror=report,werror=report`,
      'u',
    );
  t.match(disks(false), [disk(0, 0), disk(1, 1)]);
  t.match(disks(true), [disk(1, 0), disk(0, 1)]);
  t.notMatch(argumentsOf({ ...CONFIG, disks: [] }, { ...PATHS, disks: [] }).join(' '), /rig\.disks/);
  t.end();
});
