// SPDX-License-Identifier: MIT
/** The parts of the v86 engine that do without v86. */
import t from 'tap';
import { createByteLog } from '../../../emulator/engines/v86/byte-log.js';
import { createChance } from '../../../emulator/engines/v86/chance.js';
import { packCheckpoint, unpackCheckpoint } from '../../../emulator/engines/checkpoint-format.js';
import { createClock, installVirtualTime, type TimeScope } from '../../../emulator/engines/v86/clock.js';
import { installDelivery } from '../../../emulator/engines/v86/delivery.js';
import { createDisk } from '../../../emulator/engines/v86/disk-buffer.js';
import { createModuleCache } from '../../../emulator/engines/v86/jit.js';
import { screenText } from '../../../emulator/engines/v86/screen.js';
import { createSharedStore } from '../../../emulator/engines/v86/shared-memory.js';
import { installMarkerPorts } from '../../../emulator/engines/v86/ports.js';
import { DELIVERY_PORT } from '../../../emulator/machine/delivery.js';
import { InputError } from '../../../emulator/machine/errors.js';

const fakeMemory = (): { memory: WebAssembly.Memory; set: (count: number) => void; detach: () => void } => {
  let buffer = new ArrayBuffer(4096);
  const memory = {
    get buffer() {
      return buffer;
    },
    grow: () => 0,
  } as WebAssembly.Memory;
  return {
    memory,
    set: (count) => (new Uint32Array(buffer)[166] = count),
    detach: () => (buffer = structuredClone(buffer, { transfer: [buffer] })),
  };
};

t.test('the clock follows the instruction counter, over its wraps and over growing memory', (t) => {
  const clock = createClock(500_000);
  t.equal(clock.virtualMs(), 0, 'time stands before the machine exists');
  const { memory, set, detach } = fakeMemory();
  clock.attach(memory);
  set(1_000_000);
  t.equal(clock.virtualMs(), 2);
  clock.skipIdle(0.5);
  t.equal(clock.virtualMs(), 2.5);
  set(2 ** 32 - 1);
  t.equal(clock.instructions(), 2 ** 32 - 1);
  set(4);
  t.equal(clock.instructions(), 2 ** 32 + 4);
  detach();
  set(9);
  t.equal(clock.instructions(), 2 ** 32 + 9);
  const other = createClock(500_000);
  other.attach(memory);
  other.load(clock.save());
  t.equal(other.instructions(), clock.instructions());
  t.equal(other.virtualMs(), clock.virtualMs());
  t.end();
});

t.test('a busy wait on the counter is skipped, reads apart are not', (t) => {
  const { memory, set } = fakeMemory();
  const clock = createClock(500_000);
  clock.attach(memory);
  let count = 0;
  const read = (instructionsApart: number): number => {
    count += instructionsApart;
    set(count);
    return clock.emulatorMs();
  };
  for (let reads = 0; reads < 100; reads++) read(1_000);
  t.equal(clock.emulatorMs(), count / 500_000, 'far apart: time is instructions');
  const from = read(1_000);
  let reads = 0;
  while (read(20) < from + 1) reads++;
  t.ok(reads > 900 && reads < 1_100, `a busy wait of 1 ms took ${reads} reads`);
  const saved = clock.save();
  const other = createClock(500_000);
  other.attach(memory);
  other.load(saved);
  set(count + 20);
  t.equal(other.emulatorMs(), clock.emulatorMs(), 'a restored clock is in the same wait');
  const after = read(10_000);
  t.ok(read(20) - after < 0.0005, 'over when the reads stop');
  t.end();
});

t.test('dates come from virtual time; given dates stay what they are', (t) => {
  const clock = createClock(1);
  const scope: TimeScope = { Date, performance: { now: () => -1 } };
  const real = scope.performance;
  const { releasePerformance } = installVirtualTime(
    scope,
    () => clock.virtualMs(),
    () => Date.UTC(2026, 0, 1),
  );
  clock.skipIdle(1500);
  t.equal(scope.Date.now(), Date.UTC(2026, 0, 1) + 1500);
  t.equal(new scope.Date().getUTCSeconds(), 1);
  t.equal(new scope.Date(86_400_000).getUTCDate(), 2);
  t.equal((scope.performance as { now: () => number }).now(), 1500);
  releasePerformance();
  t.equal(scope.performance, real);
  t.end();
});

t.test('chance: seeded, resumable, without an obvious lean', (t) => {
  const draw = (seed: number): number[] => {
    const chance = createChance(seed);
    return Array.from({ length: 1000 }, () => chance.int32());
  };
  t.same(draw(1), draw(1));
  t.notSame(draw(1), draw(2));
  t.ok(draw(0).some((word) => word !== 0));
  const chance = createChance(7);
  chance.int32();
  const copy = createChance(8);
  copy.load(chance.save());
  t.equal(copy.int32(), chance.int32());
  const mean = Array.from({ length: 10_000 }, () => chance.fraction()).reduce((sum, one) => sum + one, 0) / 10_000;
  t.ok(Math.abs(mean - 0.5) < 0.02, `mean ${mean}`);
  t.end();
});

t.test('checkpoint bytes: what goes in comes out, damage is refused', (t) => {
  const blobs = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(9)];
  const packed = packCheckpoint({ a: [1, 'x'] }, blobs);
  t.same(unpackCheckpoint(packed), { head: { a: [1, 'x'] }, blobs });
  const shifted = new Uint8Array(packed.length + 3);
  shifted.set(packed, 3);
  t.same(unpackCheckpoint(shifted.subarray(3)).blobs, blobs, 'at any alignment');
  t.throws(() => unpackCheckpoint(packed.subarray(0, packed.length - 8)), /cut short/);
  t.throws(() => unpackCheckpoint(new Uint8Array(100)), InputError);
  const other = packed.slice();
  other[8] = 99;
  t.throws(() => unpackCheckpoint(other), /format 99/);
  const damaged = packed.slice();
  damaged[16] = 0;
  t.throws(() => unpackCheckpoint(damaged), /head of the checkpoint is damaged/);
  t.end();
});

t.test('the module cache: equal bytes, one module', (t) => {
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const named = Uint8Array.of(...empty, 0, 2, 1, 0x78);
  const cache = createModuleCache();
  const first = cache.obtain(empty);
  t.equal(cache.obtain(empty.slice()), first);
  t.equal(cache.hits(), 1);
  t.not(cache.obtain(named), first);
  t.equal(cache.takeCompiled().length, 2);
  t.equal(cache.takeCompiled().length, 0);
  const later = createModuleCache();
  later.add(first);
  t.equal(later.obtain(empty), first);
  t.equal(later.takeCompiled().length, 0, 'nothing had to be compiled');
  t.end();
});

t.test('a disk: a request that fails is not called back, and that is told once', (t) => {
  const events = {
    beforeWrite: () => undefined,
    sectorsAllowed: (_: number, n: number) => n,
    written: () => undefined,
    flushed: () => undefined,
  };
  const { buffer, fail } = createDisk({ base: new Uint8Array(4096).fill(5) }, events);
  let calls = 0;
  const done = (): void => void calls++;
  buffer.get(0, 512, done);
  buffer.set(0, new Uint8Array(512), done);
  t.equal(buffer.takeFailure(), false);
  t.equal(calls, 2);
  fail({ requests: 'all' });
  for (const request of [() => buffer.get(0, 512, done), () => buffer.set(0, new Uint8Array(512), done)]) {
    request();
    t.equal(calls, 2);
    t.equal(buffer.takeFailure(), true);
    t.equal(buffer.takeFailure(), false);
  }
  t.equal(buffer.flush(), 'failed');
  t.equal(buffer.get_from_cache(512, 512)[0], 5, "the emulator's own reads are not the guest's");
  t.end();
});

t.test('a shared store keeps copies of what it is given', (t) => {
  const keep = createSharedStore();
  const lengths = [3, 0, 2 ** 20 - 3, 1, 2 ** 20 + 1, 512];
  const pieces = lengths.map(
    (length, index) => [keep(new Uint8Array(length).fill(index + 1)), length, index + 1] as const,
  );
  for (const [piece, length, fill] of pieces)
    t.ok(
      piece.length === length && piece.every((byte) => byte === fill) && piece.buffer instanceof SharedArrayBuffer,
      `${length} bytes`,
    );
  const lent = Uint8Array.of(1, 2);
  const kept = keep(lent);
  lent.fill(0);
  t.same([...kept], [1, 2], 'they outlive the original');
  t.end();
});

t.test('marker ports: words of kernel and user do not mix, and reads say whether to hold', (t) => {
  const writes = new Map<number, (value: number) => void>();
  const reads = new Map<number, () => number>();
  const io = {
    register_read: (port: number, _: object, _8: unknown, _16: unknown, read: () => number) =>
      void reads.set(port, read),
    register_write: (port: number, _: object, _8: unknown, _16: unknown, write: (value: number) => void) =>
      void writes.set(port, write),
    port_read8: () => 0,
    port_write8: () => undefined,
  };
  const seen: number[][] = [];
  const ports = installMarkerPorts(io, (...marker) => void seen.push(marker));
  writes.get(0x5b04)?.(1);
  writes.get(0x5b14)?.(-2);
  writes.get(0x5b08)?.(3);
  writes.get(0x5b18)?.(4);
  writes.get(0x5b10)?.(0x2001);
  writes.get(0x5b00)?.(0x1002);
  t.same(seen, [
    [0x2001, 0xfffffffe, 4],
    [0x1002, 1, 3],
  ]);
  t.same(
    [0x5b00, 0x5b10].map((port) => reads.get(port)?.()),
    [0, 0],
  );
  ports.setHold(true);
  t.same(
    [0x5b00, 0x5b10].map((port) => reads.get(port)?.()),
    [1, 1],
  );
  t.same(ports.save(), [1, 3, 0xfffffffe, 4]);
  t.end();
});

t.test('a byte log grows and answers from any place', (t) => {
  const log = createByteLog();
  for (let at = 0; at < 1000; at++) log.push(at & 255);
  t.equal(log.bytes().length, 1000);
  t.same([...log.bytes(998)], [998 & 255, 999 & 255]);
  t.end();
});

t.test('the delivery port hands out bytes four at a time, and says when it was asked for too many', (t) => {
  const machine = () => {
    const reads = new Map<number, () => number>();
    const io = {
      register_read: (port: number, _device: object, _8: unknown, _16: unknown, read32?: () => number) => {
        if (read32) reads.set(port, read32);
      },
    };
    const delivery = installDelivery(io as never);
    return {
      delivery,
      take: () => (reads.get(DELIVERY_PORT)?.() ?? 0) >>> 0,
      left: () => (reads.get(DELIVERY_PORT + 4)?.() ?? 0) >>> 0,
    };
  };
  const one = machine();
  t.equal(one.left(), 0);
  t.equal(one.delivery.save(), undefined, 'a machine that was delivered nothing has no more state than before');
  one.delivery.deliver(Uint8Array.of(0x11, 0x22, 0x33, 0x84, 0x55, 0x66));
  t.equal(one.left(), 6);
  t.equal(one.take(), 0x84332211);
  const other = machine();
  other.delivery.load(one.delivery.save());
  for (const { delivery, take, left } of [one, other]) {
    t.equal(left(), 2);
    t.equal(take(), 0x6655);
    t.equal(left(), 0);
    t.equal(delivery.save(), undefined);
    t.equal(take(), 0xffffffff);
    t.equal(left(), 0xffffffff);
  }
  const third = machine();
  third.delivery.load(JSON.parse(JSON.stringify(one.delivery.save())) as 'overdrawn');
  t.equal(third.left(), 0xffffffff);
  one.delivery.deliver(Uint8Array.of(1));
  t.equal(one.left(), 1, 'a new delivery replaces the old one');
  t.end();
});

t.test('the text of the screen', (t) => {
  const memory = new Uint8Array(256 << 10).fill(0x20);
  const write = (place: number, codes: readonly number[]): void =>
    codes.forEach((code, index) => memory.set([code, 7], (place + index) * 2));
  const vga = {
    graphical_mode: false,
    max_cols: 6,
    max_rows: 3,
    vga_memory: memory,
    start_address: 0,
    offset_register: 0,
  };
  t.same(screenText(vga), ['', '', ''], 'blanks at the ends are left out');
  write(0, [0x6c, 0x73, 0x20, 0x2d, 0x6c]);
  write(6, [0xc9, 0xcd, 0, 0x7f, 0x81, 0x5c]);
  write(12, [0x20, 0x41, 0xff, 0]);
  t.same(screenText(vga), ['ls -l', '╔═ ⌂ü\\', ' A']);
  t.same(screenText({ ...vga, start_address: 6, max_rows: 2 }), ['╔═ ⌂ü\\', ' A'], 'it has been scrolled');
  t.same(
    screenText({ ...vga, max_cols: 4, offset_register: 3 }),
    ['ls -', '╔═ ⌂', ' A'],
    'a row is longer than what is shown',
  );
  t.same(
    screenText({ ...vga, start_address: (128 << 10) - 4, max_rows: 2 }),
    ['', ''],
    'beyond the memory there is nothing',
  );
  t.equal(screenText({ ...vga, graphical_mode: true }), undefined);
  t.end();
});
