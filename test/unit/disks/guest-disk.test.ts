// SPDX-License-Identifier: MIT
import t from 'tap';
import { createGuestDisk } from '../../../emulator/disks/guest-disk.js';
import { sector } from '../../../emulator/machine/units.js';

const overlayAt = (at: number, bytes: Uint8Array) => [{ instruction: 0, sector: sector(at), bytes }];

t.test('reads through overlay and own blocks, writes at any sector, torn writes', (t) => {
  const base = Uint8Array.from({ length: 20 * 512 }, (_, at) => at >> 9);
  const landed: (readonly [number, number, number])[] = [];
  let allowed = Infinity;
  const events = {
    beforeWrite: () => undefined,
    sectorsAllowed: (_: number, sectors: number) => Math.min(allowed, sectors),
    written: (index: number, at: number, bytes: Uint8Array) => void landed.push([index, at, bytes.length / 512]),
    flushed: () => undefined,
  };
  const config = { base, overlay: overlayAt(7, new Uint8Array(2 * 512).fill(0x70)) };
  const disk = createGuestDisk(config, events);
  const at = (number: number): number | undefined => disk.content(number * 512, 512)[100];
  t.same([6, 7, 8, 9].map(at), [6, 0x70, 0x70, 9]);
  disk.write(6 * 512, new Uint8Array(3 * 512).fill(0x60));
  allowed = 1;
  disk.write(18 * 512, new Uint8Array(2 * 512).fill(0x18));
  allowed = 0;
  disk.write(0, new Uint8Array(512).fill(1));
  t.same(landed, [
    [0, 6, 3],
    [1, 18, 1],
    [2, 0, 0],
  ]);
  t.equal(disk.writeCount(), 2, 'a write of which nothing lands is none');
  t.same([0, 5, 6, 8, 9, 18, 19].map(at), [0, 5, 0x60, 0x60, 9, 0x18, 19]);
  const whole = disk.content(0, base.length);
  t.same(disk.read(3 * 512, 5 * 512), whole.slice(3 * 512, 8 * 512));
  const again = createGuestDisk(config, events);
  again.load(disk.save());
  t.same(again.content(0, base.length), whole);
  t.equal(again.writeCount(), 2);
  t.equal(base[6 * 512], 6, 'the base is not written');
  t.end();
});

const quiet = {
  beforeWrite: () => undefined,
  sectorsAllowed: (_: number, sectors: number) => sectors,
  written: () => undefined,
  flushed: () => undefined,
};

t.test('blocks of the overlay are lent, and copied when the machine writes', (t) => {
  const given = Uint8Array.from({ length: 2 * 4096 }, (_, at) => at >> 9);
  const disk = createGuestDisk({ base: new Uint8Array(4 * 4096), overlay: overlayAt(8, given) }, quiet);
  const sectors = (): number[] => [...Array(32).keys()].map((number) => disk.content(number * 512, 512)[0] ?? -1);
  t.same(sectors().slice(8, 24), [...Array(16).keys()]);
  disk.write(9 * 512, new Uint8Array(512).fill(99));
  t.same(sectors().slice(8, 24), [0, 99, ...[...Array(16).keys()].slice(2)], 'the rest of the block is as it was');
  t.equal(given[512], 1, 'what was given is not written');
  t.same([...disk.save().blocks.keys()], [1], 'only what the machine wrote is its own');
  t.end();
});

t.test('requests that fail', (t) => {
  const bytes = new Uint8Array(1024).fill(1);
  const make = () => createGuestDisk({ base: new Uint8Array(20 * 512) }, quiet);
  /** Which of a read, a write and a flush fail, at sectors 4 and 5. */
  const failing = (disk: ReturnType<typeof make>) => [
    disk.read(4 * 512, 1024) === 'failed',
    disk.write(4 * 512, bytes) === 'failed',
    disk.flush() === 'failed',
  ];
  const disk = make();
  t.same(failing(disk), [false, false, false]);
  disk.fail({ requests: 'reads' });
  t.same(failing(disk), [true, false, false]);
  t.equal(disk.content(4 * 512, 512)[0], 1);
  disk.fail({ requests: 'all' });
  t.same(failing(disk), [true, true, true]);
  t.equal(disk.failedCount(), 4);

  const ranged = make();
  ranged.fail({ requests: 'writes', sectors: { first: sector(5), count: 1 } });
  t.same(failing(ranged), [false, true, false]);
  t.equal(ranged.content(4 * 512, 512)[0], 0, 'nothing of it lands');
  t.not(ranged.write(3 * 512, bytes), 'failed', 'before');
  t.not(ranged.write(6 * 512, bytes), 'failed', 'behind');
  t.equal(ranged.writeCount(), 3, 'one that fails has a number, too');
  const restored = make();
  restored.load(ranged.save());
  t.same(failing(restored), [false, true, false]);

  const passing = make();
  passing.fail({ requests: 'writes', times: 2 });
  t.same(
    [0, 1, 2].map(() => passing.write(0, bytes) === 'failed'),
    [true, true, false],
  );
  t.end();
});

t.test('a failure that begins with a write', (t) => {
  const disk = createGuestDisk(
    { base: new Uint8Array(20 * 512) },
    { ...quiet, beforeWrite: (index) => void (index === 1 && disk.fail({ requests: 'writes', times: 1 })) },
  );
  t.same(
    [0, 1, 2].map(() => disk.write(0, new Uint8Array(512)) === 'failed'),
    [false, true, false],
  );
  t.end();
});

t.test('a volatile cache holds what has not been flushed', (t) => {
  let flushes = 0;
  const events = { ...quiet, flushed: () => void flushes++ };
  const make = (hasCache: boolean) => createGuestDisk({ base: new Uint8Array(20 * 512) }, events, hasCache);
  const disk = make(true);
  const sectorOf = new Uint8Array(512);
  disk.write(0, sectorOf);
  disk.write(0, sectorOf);
  t.equal(disk.unflushedCount(), 2);
  const restored = make(true);
  restored.load(disk.save());
  t.equal(restored.unflushedCount(), 2);
  disk.flush();
  t.equal(disk.unflushedCount(), 0);
  disk.write(0, sectorOf);
  disk.fail({ requests: 'all', times: 1 });
  t.equal(disk.flush(), 'failed');
  t.equal(disk.unflushedCount(), 1, 'a flush that fails flushes nothing');
  t.equal(flushes, 1);
  const plain = make(false);
  plain.write(0, sectorOf);
  t.equal(plain.unflushedCount(), 0);
  t.end();
});
