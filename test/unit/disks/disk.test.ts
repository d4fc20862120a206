// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import t from 'tap';
import { crashStates, disksAt } from '../../../emulator/disks/crash-states.js';
import { diffDisks, diffSectors } from '../../../emulator/disks/diff.js';
import { hashDisk, landed, materialise, readSectors } from '../../../emulator/disks/disk.js';
import { diskReader, latestWrites } from '../../../emulator/disks/latest.js';
import { decodeWriteLog, encodeWriteLog } from '../../../emulator/disks/write-log.js';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { InputError } from '../../../emulator/machine/errors.js';
import { sector } from '../../../emulator/machine/units.js';

const base = (sectors: number): Uint8Array =>
  Uint8Array.from({ length: sectors * 512 }, (_, at) => (at * 7 + (at >> 9)) & 255);
const write = (instruction: number, at: number, sectors: number, fill: number): DiskWrite => ({
  instruction,
  sector: sector(at),
  bytes: new Uint8Array(sectors * 512).fill(fill),
});
const sha256 = (bytes: Uint8Array): Promise<string> =>
  Promise.resolve(createHash('sha256').update(bytes).digest('hex'));

t.test('a disk is its base under its overlay, later writes over earlier ones', async (t) => {
  const disk = { base: base(16), overlay: [write(1, 2, 4, 0xaa), write(2, 4, 1, 0xbb)] };
  const whole = materialise(disk);
  t.same(whole.subarray(0, 1024), disk.base.subarray(0, 1024), 'what was not written is the base');
  t.ok(whole.subarray(2 * 512, 4 * 512).every((byte) => byte === 0xaa));
  t.ok(whole.subarray(4 * 512, 5 * 512).every((byte) => byte === 0xbb));
  t.same(disk.base, base(16), 'the base itself is not written');
  for (const [start, count] of [
    [0, 16],
    [1, 3],
    [3, 2],
    [4, 1],
    [5, 11],
  ] as const) {
    t.same(
      readSectors(disk, sector(start), count),
      whole.slice(start * 512, (start + count) * 512),
      `${count} sectors from ${start}`,
    );
  }
  t.throws(() => readSectors(disk, sector(10), 7), InputError);
  t.equal(await hashDisk(disk, sha256), await sha256(whole));
  t.not(await hashDisk(disk, sha256), await hashDisk({ base: disk.base }, sha256));
});

t.test('a prefix of a log, with the next write torn', (t) => {
  const log = [write(1, 0, 2, 1), write(2, 4, 4, 2)];
  t.same(landed(log, { writes: 1 }), [log[0]]);
  const [, torn] = landed(log, { writes: 1, tornSectors: 3 });
  t.equal(torn?.bytes.length, 3 * 512);
  t.throws(() => landed(log, { writes: 3 }), InputError);
  t.throws(() => landed(log, { writes: 1, tornSectors: 4 }), InputError, 'all sectors are not a tear');
  t.throws(() => landed(log, { writes: 2, tornSectors: 1 }), InputError);
  t.end();
});

t.test('differences are found to the sector, at every place', (t) => {
  const sectors = 67;
  const one = base(sectors);
  for (let at = 0; at < sectors; at++) {
    for (const byte of [0, 255, 511]) {
      const other = one.slice();
      other[at * 512 + byte] = (other[at * 512 + byte] ?? 0) ^ 0x80;
      const diff = diffSectors(one, other);
      if (diff.sectorsDiffering !== 1 || diff.ranges[0]?.start !== at) t.fail(`byte ${byte} of sector ${at} not found`);
    }
  }
  t.same(diffSectors(one, one.slice()), { sectorsCompared: sectors, sectorsDiffering: 0, ranges: [] });
  const run = one.slice();
  run.fill(0x55, 3 * 512, 6 * 512);
  run.fill(0x55, 20 * 512, 21 * 512);
  t.same(diffSectors(one, run).ranges, [
    { start: 3, count: 3 },
    { start: 20, count: 1 },
  ]);
  t.throws(() => diffSectors(one, base(66)), InputError);
  t.end();
});

t.test('comparing logs over one base gives what comparing the contents gives', (t) => {
  const shared = base(64);
  const same = readSectors({ base: shared }, sector(30), 2);
  const one = { base: shared, overlay: [write(1, 3, 2, 9), { instruction: 2, sector: sector(30), bytes: same }] };
  const other = { base: shared, overlay: [write(5, 4, 1, 9), write(6, 50, 1, 1)] };
  t.same(diffDisks(one, other), diffSectors(materialise(one), materialise(other)));
  t.same(diffDisks(one, other).ranges, [
    { start: 3, count: 1 },
    { start: 50, count: 1 },
  ]);
  t.same(
    diffDisks(one, { base: shared.slice(), overlay: other.overlay }),
    diffDisks(one, other),
    'a copy of the base is as good',
  );
  t.end();
});

t.test('a disk is read at any byte as its whole content says', async (t) => {
  const disk = {
    base: base(40),
    overlay: [write(1, 2, 4, 0xaa), write(2, 4, 1, 0xbb), write(3, 5, 9, 0xcc), write(4, 30, 3, 0xdd)],
  };
  const whole = materialise(disk);
  const read = diskReader(disk);
  for (let offset = 0; offset < whole.length; offset += 487) {
    for (const length of [0, 1, 511, 512, 513, 4096, 20 * 512]) {
      if (offset + length > whole.length) continue;
      if (Buffer.compare(read(offset, length), whole.subarray(offset, offset + length)) !== 0)
        t.fail(`${length} bytes from ${offset}`);
    }
  }
  t.same([...latestWrites(disk.overlay)].slice(0, 8), [-1, -1, 0, 0, 1, 2, 2, 2]);
  t.equal(latestWrites(disk.overlay).length, 33, 'to the last sector that was written');
  t.equal(latestWrites([]).length, 0);
  t.same(diskReader({ base: disk.base })(100, 700), disk.base.slice(100, 800));
});

t.test('a write log survives a file, and damage is named', (t) => {
  const log = [write(2 ** 40 + 1, 2 ** 33, 2, 3), write(2 ** 40 + 7, 5, 1, 200)];
  const encoded = encodeWriteLog(log);
  t.same(decodeWriteLog(encoded), log);
  t.same(decodeWriteLog(encodeWriteLog([])), []);
  const damaged = encoded.slice();
  damaged[damaged.length - 5] = 0;
  t.throws(() => decodeWriteLog(damaged), /write 1 of the log is damaged/);
  t.throws(() => decodeWriteLog(encoded.subarray(0, encoded.length - 1)), /ends within write 1 of 2/);
  t.throws(() => decodeWriteLog(encoded.subarray(0, 8)), /not a write log/);
  t.throws(() => decodeWriteLog(new Uint8Array(64)), InputError);
  t.end();
});

t.test('crash states: each prefix of all writes in the order of time, and torn ones', (t) => {
  const logs = [[write(10, 0, 1, 1), write(30, 1, 3, 2)], [write(20, 0, 2, 3)]];
  const plain = [...crashStates(logs)];
  t.same(
    plain.map(({ index, disks, instruction }) => [index, disks.map(({ writes }) => writes), instruction]),
    [
      [0, [0, 0], 0],
      [1, [1, 0], 10],
      [2, [1, 1], 20],
      [3, [2, 1], 30],
    ],
  );
  t.equal([...crashStates(logs, 'half')].length, 4 + 2, 'one tear for each write of more than a sector');
  const torn = [...crashStates(logs, 'everySector')].filter(({ disks }) =>
    disks.some(({ tornSectors }) => tornSectors !== undefined),
  );
  t.same(
    torn.map(({ disks }) => disks),
    [
      [{ writes: 1 }, { writes: 0, tornSectors: 1 }],
      [{ writes: 1, tornSectors: 1 }, { writes: 1 }],
      [{ writes: 1, tornSectors: 2 }, { writes: 1 }],
    ],
  );
  const start = [{ base: base(8) }, { base: base(4), overlay: [write(1, 3, 1, 77)] }];
  const contents = plain.map((state) => disksAt(start, logs, state).map(materialise));
  t.same(contents[0], start.map(materialise), 'nothing written yet');
  t.same(contents[3]?.[0], materialise({ base: base(8), overlay: logs[0] ?? [] }));
  t.ok(
    contents[3]?.[1]?.subarray(3 * 512).every((byte) => byte === 77),
    'what lay there before stays',
  );
  t.end();
});
