// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { SECTOR_BYTES, sector } from '../../../emulator/machine/units.js';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { readExt4 } from '../../../emulator/verify/disk/ext4.js';
import { filesystemOf, volumes } from '../../../emulator/verify/disk/partitions.js';
import { diskSource, imageRanges, verifyDisks, type DiskHistory } from '../../../emulator/verify/disk/verify.js';
import { filledRanges, slice, sourceOf, type ByteSource } from '../../../emulator/verify/source.js';
import { swapArea } from './synthetic-image.js';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const hasTool = (name: string): boolean => PATH.split(':').some((dir) => existsSync(join(dir, name)));
const directory = mkdtempSync(join(tmpdir(), 'snapback-test-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/** A small ext filesystem, filled without mounting it. */
function makeExt(type: 'ext2' | 'ext4', options: readonly string[] = []): Uint8Array {
  const tree = join(directory, `${type}-tree`);
  mkdirSync(join(tree, 'etc/deep/deeper'), { recursive: true });
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0\n');
  writeFileSync(join(tree, 'etc/deep/deeper/big'), Buffer.alloc(700_000, 'big'));
  for (let i = 0; i < 300; i++) writeFileSync(join(tree, `etc/deep/file-with-a-long-name-${i}`), `${i}`);
  const path = join(directory, `${type}.img`);
  writeFileSync(path, '');
  truncateSync(path, 16 << 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-t', type, ...options, '-d', tree, path], { env: { ...process.env, PATH } });
  return readFileSync(path);
}

/** Where debugfs says that a block of a file lies. */
function blockOf(image: string, path: string, index: number): number {
  return Number(
    execFileSync('debugfs', ['-R', `bmap ${path} ${index}`, image], {
      env: { ...process.env, PATH },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim(),
  );
}

const hasExtTools = hasTool('mkfs.ext4') && hasTool('debugfs');

for (const [type, options] of [
  ['ext4', ['-b', '4096']],
  ['ext4', ['-b', '1024', '-O', '^64bit']],
  ['ext2', ['-b', '1024']],
] as const) {
  t.test(
    `${type} ${options.join(' ')}: blocks are named by file`,
    { skip: !hasExtTools && 'mkfs.ext4 and debugfs are not installed' },
    async (t) => {
      const bytes = makeExt(type, options);
      const blockBytes = Number(options[1]);
      const image = join(directory, `${type}.img`);
      t.equal(filesystemOf(sourceOf(bytes)), type);
      const tree = readExt4(sourceOf(bytes));
      for (const index of [0, 5, 11, 12, 100, Math.floor(699_999 / blockBytes)]) {
        const block = blockOf(image, '/etc/deep/deeper/big', index);
        t.equal(tree.describe(block * blockBytes + 17), `/etc/deep/deeper/big, byte ${index * blockBytes + 17}`);
      }
      t.equal(tree.describe(blockOf(image, '/etc/passwd', 0) * blockBytes), '/etc/passwd, byte 0');
      t.equal(tree.describe(blockOf(image, '/etc/deep', 1) * blockBytes), `/etc/deep, byte ${blockBytes}`);
      t.equal(tree.describe(1024), 'superblock');
      const big = tree.file('/etc/deep/deeper/big');
      t.equal(big?.byteLength, 700_000);
      t.ok(Buffer.from(big?.read(0, 700_000) ?? []).equals(Buffer.alloc(700_000, 'big')), 'a file has its contents');
      t.equal(Buffer.from(big?.read(300_001, 5) ?? []).toString(), 'igbig');
      const ranges = tree.sectorsOf('/etc/deep/deeper/big') ?? [];
      t.equal(
        ranges.reduce((sum, { count }) => sum + count, 0),
        Math.ceil(700_000 / SECTOR_BYTES),
        'its last block is not all of the file',
      );
      const inFile = Buffer.concat(
        ranges.map(({ start, count }) => bytes.subarray(start * SECTOR_BYTES, (start + count) * SECTOR_BYTES)),
      );
      t.ok(inFile.subarray(0, 700_000).equals(Buffer.alloc(700_000, 'big')), 'and its sectors have them');
      t.same(tree.sectorsOf('/etc/passwd'), [
        { start: (blockOf(image, '/etc/passwd', 0) * blockBytes) / SECTOR_BYTES, count: 1 },
      ]);
      t.equal(tree.sectorsOf('/etc'), undefined);
      t.equal(tree.sectorsOf('/none'), undefined);
      t.equal(tree.file('/etc'), undefined);
      t.equal(tree.file('/none'), undefined);
      if (type === 'ext4') t.equal(tree.describe(blockOf(image, '<8>', 3) * blockBytes), 'journal');
      const dump = execFileSync('dumpe2fs', [image], {
        env: { ...process.env, PATH },
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString();
      const [, inodeTable = ''] = /Inode table at (\d+)/.exec(dump) ?? [];
      const [, blockBitmap = ''] = /Block bitmap at (\d+)/.exec(dump) ?? [];
      const [, inodeBytes = ''] = /Inode size:\s+(\d+)/.exec(dump) ?? [];
      t.equal(tree.describe(Number(blockBitmap) * blockBytes), 'block bitmap of group 0');
      t.equal(tree.describe(Number(inodeTable) * blockBytes + Number(inodeBytes)), 'inode 2 (/)');
      const inodeOf = (path: string): number => {
        const stat = execFileSync('debugfs', ['-R', `stat ${path}`, image], {
          env: { ...process.env, PATH },
          stdio: ['ignore', 'pipe', 'ignore'],
        }).toString();
        return Number(/Inode: (\d+)/.exec(stat)?.[1]);
      };
      const number = inodeOf('/etc');
      const sector = (Number(inodeTable) * blockBytes + (number - 1) * Number(inodeBytes)) & ~511;
      t.match(
        tree.describe(sector),
        Number(inodeBytes) < 512 ? /^inode \d+ \(\/.*\) or \d+ \(\/.*\)$/ : /^inode \d+ \(\//,
      );
      t.match(tree.describe(sector), `${number} (/etc)`);
      t.equal(tree.pathOf(inodeOf('/etc/passwd')), '/etc/passwd');
      t.match(tree.describe(bytes.length - blockBytes), /^free block/);
    },
  );
}

t.test('a damaged ext4 is no reason to end the run', async (t) => {
  const bytes = new Uint8Array(1 << 20);
  const view = new DataView(bytes.buffer);
  view.setUint16(1024 + 56, 0xef53, true);
  t.throws(() => readExt4(sourceOf(bytes)), { name: 'GuestError' });
  t.throws(() => readExt4(sourceOf(new Uint8Array(512))), { name: 'GuestError', message: /superblock/ });
});

function withMbr(entries: readonly { type: number; start: number; sectors: number }[], sectors: number): Uint8Array {
  const bytes = new Uint8Array(sectors * SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, { type, start, sectors: count }] of entries.entries()) {
    view.setUint8(446 + 16 * i + 4, type);
    view.setUint32(446 + 16 * i + 8, start, true);
    view.setUint32(446 + 16 * i + 12, count, true);
  }
  view.setUint16(510, 0xaa55, true);
  return bytes;
}

t.test('partition tables', async (t) => {
  const whole = new Uint8Array(64 * SECTOR_BYTES);
  t.same(volumes(sourceOf(whole), 'sda'), [{ device: 'sda', startSector: 0, sectors: 64, filesystem: 'unknown' }]);

  const mbr = withMbr(
    [
      { type: 0x83, start: 8, sectors: 16 },
      { type: 0x82, start: 24, sectors: 40 },
    ],
    64,
  );
  mbr.set(swapArea([], 'SWAPSPACE2').subarray(0, 4096), 24 * SECTOR_BYTES);
  t.same(volumes(sourceOf(mbr), 'sdb'), [
    { device: 'sdb1', startSector: 8, sectors: 16, filesystem: 'unknown' },
    { device: 'sdb2', startSector: 24, sectors: 40, filesystem: 'swap' },
  ]);

  const logical = withMbr([{ type: 0x05, start: 10, sectors: 50 }], 64);
  logical.set(
    withMbr(
      [
        { type: 0x83, start: 1, sectors: 4 },
        { type: 0x05, start: 20, sectors: 10 },
      ],
      1,
    ),
    10 * SECTOR_BYTES,
  );
  logical.set(withMbr([{ type: 0x83, start: 2, sectors: 3 }], 1), 30 * SECTOR_BYTES);
  t.same(
    volumes(sourceOf(logical), 'sda').map(({ device, startSector, sectors }) => [device, startSector, sectors]),
    [
      ['sda5', 11, 4],
      ['sda6', 32, 3],
    ],
  );

  const beyond = withMbr([{ type: 0x83, start: 8, sectors: 1000 }], 64);
  t.same(
    volumes(sourceOf(beyond), 'sda').map(({ device }) => device),
    ['sda'],
    'a partition beyond the end of the disk is none',
  );

  const gpt = withMbr([{ type: 0xee, start: 1, sectors: 127 }], 128);
  const view = new DataView(gpt.buffer);
  gpt.set(new TextEncoder().encode('EFI PART'), SECTOR_BYTES);
  view.setUint32(SECTOR_BYTES + 72, 2, true);
  view.setUint32(SECTOR_BYTES + 80, 4, true);
  view.setUint32(SECTOR_BYTES + 84, 128, true);
  for (const [i, first, last] of [
    [0, 40, 49],
    [2, 60, 69],
  ] as const) {
    view.setUint32(2 * SECTOR_BYTES + 128 * i, 0x0fc63daf, true);
    view.setUint32(2 * SECTOR_BYTES + 128 * i + 32, first, true);
    view.setUint32(2 * SECTOR_BYTES + 128 * i + 40, last, true);
  }
  t.same(
    volumes(sourceOf(gpt), 'sdb').map(({ device, startSector, sectors }) => [device, startSector, sectors]),
    [
      ['sdb1', 40, 10],
      ['sdb3', 60, 10],
    ],
  );
});

t.test('filesystems by their magic', async (t) => {
  const with_ = (at: number, bytes: readonly number[] | string): Uint8Array => {
    const volume = new Uint8Array(0x11000);
    volume.set(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes, at);
    return volume;
  };
  t.equal(filesystemOf(sourceOf(with_(0, 'XFSB'))), 'xfs');
  t.equal(filesystemOf(sourceOf(with_(0x10040, '_BHRfS_M'))), 'btrfs');
  t.equal(filesystemOf(sourceOf(with_(1024, [0x10, 0x20, 0xf5, 0xf2]))), 'f2fs');
  t.equal(filesystemOf(sourceOf(with_(82, 'FAT32   '))), 'vfat');
  t.equal(filesystemOf(sourceOf(with_(54, 'FAT16   '))), 'vfat');
  t.equal(filesystemOf(sourceOf(with_(4086, 'S1SUSPEND\0'))), 'swap');
  t.equal(filesystemOf(sourceOf(with_(1080, [0x53, 0xef]))), 'ext2');
  t.equal(filesystemOf(sourceOf(new Uint8Array(100))), 'unknown');
});

t.test('a disk under its writes', async (t) => {
  const base = new Uint8Array(8 * SECTOR_BYTES).fill(1);
  const write = (at: number, sectors: number, value: number): DiskWrite => ({
    instruction: 1,
    sector: sector(at),
    bytes: new Uint8Array(sectors * SECTOR_BYTES).fill(value),
  });
  const source = diskSource({ base, overlay: [write(2, 2, 2), write(3, 1, 3)] });
  t.same([...source.read(1000, 100)].filter((byte) => byte !== 1).length, 76, 'from byte 1024 on the write shows');
  t.equal(source.read(3 * SECTOR_BYTES + 5, 1)[0], 3, 'the later write wins');
  t.equal(source.read(0, 8 * SECTOR_BYTES).length, 8 * SECTOR_BYTES);
  t.equal(base[1024], 1, 'the base is not touched');
});

t.test('where a disk, or a part of it, may hold anything but zeros', async (t) => {
  const base = new Uint8Array(40 * 4096);
  base[3 * 4096] = 1;
  const write = (at: number, sectors: number): DiskWrite => ({
    instruction: 1,
    sector: sector(at),
    bytes: new Uint8Array(sectors * SECTOR_BYTES).fill(2),
  });
  const source = diskSource({ base, overlay: [write(100, 2), write(30, 4), write(101, 3)] });
  const inSectors = (from: ByteSource): (readonly number[])[] =>
    filledRanges(from).map((range) => range.map((byte) => byte / SECTOR_BYTES));
  t.same(
    inSectors(source),
    [
      [24, 34],
      [100, 104],
    ],
    'base and writes, joined where they meet',
  );
  t.same(
    inSectors(slice(source, 32 * SECTOR_BYTES, 70 * SECTOR_BYTES)),
    [
      [0, 2],
      [68, 70],
    ],
    'cut to the part',
  );
  t.same(inSectors(slice(source, 40 * SECTOR_BYTES, 20 * SECTOR_BYTES)), []);
  t.same(inSectors(sourceOf(base.subarray(0, 4096))), [[0, 8]], 'all of it, where nobody knows');
  for (const [from, to] of [
    [0, 24],
    [34, 100],
    [104, 320],
  ] as const)
    t.ok(source.read(from * SECTOR_BYTES, (to - from) * SECTOR_BYTES).every((byte) => byte === 0));
});

/** A disk with an ext4-less first partition and swap with an image in the second. */
function history(mutate: (more: DiskWrite[]) => void = () => undefined): DiskHistory {
  const base = withMbr(
    [
      { type: 0x83, start: 8, sectors: 8 },
      { type: 0x82, start: 16, sectors: 400 },
    ],
    420,
  );
  base.set(swapArea([], 'SWAPSPACE2').subarray(0, 4096), 16 * SECTOR_BYTES);
  const image: DiskWrite = {
    instruction: 5,
    sector: sector(16),
    bytes: swapArea([
      { frame: 3, fill: 7 },
      { frame: 9, fill: 0 },
    ]),
  };
  const more: DiskWrite[] = [];
  mutate(more);
  return {
    device: 'sdb',
    atCopy: { base, overlay: [] },
    atPowerOff: { base, overlay: [image] },
    atRestore: { base, overlay: [image, ...more] },
    written: [image, ...more],
  };
}

t.test('the image may change its own pages and nothing else', async (t) => {
  const good = verifyDisks([history()]);
  t.match(good, { sectorsCompared: 420, sectorsDiffering: 0, originSectorsWritten: 0, differences: [] });
  t.ok(good.sectorsOfImage > 0);

  const write = (at: number, value: number): DiskWrite => ({
    instruction: 9,
    sector: sector(at),
    bytes: new Uint8Array(SECTOR_BYTES).fill(value),
  });
  const cases: readonly [number, string, string][] = [
    [10, 'sdb1', 'no known filesystem, byte 1024'],
    [419, 'sdb', 'outside of all partitions'],
    [0, 'sdb', 'partition table'],
    [390, 'sdb2', `swap slot ${((390 - 16) * SECTOR_BYTES) >> 12}`],
  ];
  for (const [at, device, owner] of cases) {
    const result = verifyDisks([history((more) => more.push(write(at, 0x77)))]);
    t.same(result.differences, [{ device, startSector: at, sectors: 1, owner }], `sector ${at}`);
    t.equal(result.sectorsDiffering, 1);
    t.equal(result.originSectorsWritten, device === 'sdb2' ? 0 : 1);
  }
  const same = verifyDisks([history((more) => more.push(write(10, 0)))]);
  t.match(same, { sectorsDiffering: 0, originSectorsWritten: 1 }, 'a write of the same content is still a write');
  t.same(
    imageRanges([history()], { stores: [] }),
    [{ disk: 'sdb', startSector: 16, sectors: good.sectorsOfImage }],
    'header, map and stream are one after another',
  );
  const none = history();
  t.same(imageRanges([{ ...none, atPowerOff: none.atCopy }], { stores: [] }), [], 'there is none before it is saved');
});

/**
 * A disk without partitions, whose filesystem begins at `start` (below it lies a linear device) and holds swap in a file
 * with its header in page 5 and the rest in other places.
 */
function historyOfFile(start: number, more: readonly DiskWrite[] = []): DiskHistory {
  const HEADER = 5;
  const area = swapArea([{ frame: 3, fill: 7 }]);
  const view = new DataView(area.buffer);
  // The pages of the area lie in the device in reverse order, below each other, from page 20.
  const place = (page: number): number => (page === 0 ? HEADER : 20 - page);
  view.setUint32(4064, place(1), true);
  for (let at = 4096; view.getUint32(at, true) !== 0; at += 8)
    view.setUint32(at, place(view.getUint32(at, true)), true);
  const base = new Uint8Array((start + 21 * 8) * SECTOR_BYTES);
  const page = (number: number, bytes: Uint8Array): DiskWrite => ({
    instruction: 5,
    sector: sector(start + 8 * number),
    bytes,
  });
  const empty = new Uint8Array(4096);
  empty.set(new TextEncoder().encode('SWAPSPACE2'), 4086);
  const pages = Array.from({ length: area.length / 4096 }, (_, at) =>
    page(place(at), area.subarray(4096 * at, 4096 * (at + 1))),
  );
  const image = [...pages.slice(1), ...pages.slice(0, 1)];
  const before = page(HEADER, empty);
  return {
    device: 'sda',
    atCopy: { base, overlay: [before] },
    atPowerOff: { base, overlay: [before, ...image] },
    atRestore: { base, overlay: [before, ...image, ...more] },
    written: [...image, ...more],
  };
}

t.test('an image in a swap file may change the pages of the file that it takes, and nothing else', async (t) => {
  for (const start of [0, 24]) {
    const good = verifyDisks([historyOfFile(start)], { stores: [], swapHeaderPage: 5 });
    t.match(good, { sectorsDiffering: 0, originSectorsWritten: 0 });
    t.equal(good.sectorsOfImage, 5 * 8, 'header, map, and three pages of the stream');
    t.same(
      imageRanges([historyOfFile(start)], { stores: [], swapHeaderPage: 5 }),
      [
        { disk: 'sda', startSector: start + 5 * 8, sectors: 8 },
        { disk: 'sda', startSector: start + 16 * 8, sectors: 4 * 8 },
      ],
      'on the disk, wherever the device begins',
    );
    const stray = { instruction: 9, sector: sector(start + 8), bytes: new Uint8Array(SECTOR_BYTES).fill(1) };
    const bad = verifyDisks([historyOfFile(start, [stray])], { stores: [], swapHeaderPage: 5 });
    t.match(bad, { sectorsDiffering: 1, originSectorsWritten: 1 });
  }
  t.equal(verifyDisks([historyOfFile(0)]).sectorsOfImage, 0, 'it is not looked for at the beginning of a volume');
});

t.test('a system that lives on may write its stores and nothing else', async (t) => {
  const base = withMbr(
    [
      { type: 0x83, start: 8, sectors: 8 },
      { type: 0x82, start: 16, sectors: 400 },
    ],
    420,
  );
  base.set(swapArea([], 'SWAPSPACE2').subarray(0, 4096), 16 * SECTOR_BYTES);
  const write = (at: number): DiskWrite => ({
    instruction: 9,
    sector: sector(at),
    bytes: new Uint8Array(SECTOR_BYTES).fill(0x77),
  });
  const lived = (written: readonly DiskWrite[], writtenWhileFrozen: readonly DiskWrite[] = []): DiskHistory => ({
    device: 'sdb',
    atCopy: { base },
    atPowerOff: { base, overlay: written },
    atRestore: { base, overlay: written },
    written,
    writtenWhileFrozen,
  });
  const rules = { stores: ['sdb1'] };
  t.match(verifyDisks([lived([write(8), write(15)])], rules), { sectorsDiffering: 0, originSectorsWritten: 0 });
  t.match(verifyDisks([lived([write(7)])], rules), { sectorsDiffering: 1, originSectorsWritten: 1 });
  t.match(
    verifyDisks([lived([write(20)])], rules),
    { sectorsDiffering: 1, originSectorsWritten: 1 },
    'swap is an origin too',
  );
  t.match(
    verifyDisks([lived([], [write(20)])], rules),
    { originSectorsWritten: 0 },
    'before the copy memory may go to swap',
  );
  t.match(
    verifyDisks([lived([], [write(2)])], rules),
    { originSectorsWritten: 1 },
    'but a frozen filesystem is not written',
  );
  const across: DiskWrite = { instruction: 9, sector: sector(14), bytes: new Uint8Array(4 * SECTOR_BYTES).fill(0x77) };
  t.match(
    verifyDisks([lived([across])], rules),
    { sectorsDiffering: 2, originSectorsWritten: 2 },
    'a write that begins in a store is looked at where it goes on',
  );
});

t.test(
  'a sector of a file is named by its path',
  { skip: !hasExtTools && 'mkfs.ext4 and debugfs are not installed' },
  async (t) => {
    const base = makeExt('ext4', ['-b', '4096']);
    const block = blockOf(join(directory, 'ext4.img'), '/etc/passwd', 0);
    const altered: DiskWrite = {
      instruction: 0,
      sector: sector(block * 8),
      bytes: new Uint8Array(SECTOR_BYTES).fill(0x55),
    };
    const result = verifyDisks([
      {
        device: 'sda',
        atCopy: { base },
        atPowerOff: { base, overlay: [altered] },
        atRestore: { base, overlay: [altered] },
        written: [],
      },
    ]);
    t.same(result.differences, [
      { device: 'sda', startSector: block * 8, sectors: 1, owner: 'ext4: /etc/passwd, byte 0' },
    ]);
  },
);

t.test(
  'the image of a snapshot is a file of a store',
  { skip: !hasExtTools && 'mkfs.ext4 and debugfs are not installed' },
  (t) => {
    const tree = join(directory, 'store-tree');
    mkdirSync(tree);
    writeFileSync(join(tree, 'snapshot'), Buffer.alloc(5000, 'image'));
    const path = join(directory, 'store.img');
    writeFileSync(path, '');
    truncateSync(path, 4 << 20);
    execFileSync('mkfs.ext4', ['-q', '-F', '-b', '4096', '-d', tree, path], { env: { ...process.env, PATH } });
    const start = 2048;
    const store = readFileSync(path);
    const sectors = store.length / SECTOR_BYTES;
    const base = withMbr([{ type: 0x83, start, sectors }], start + sectors);
    base.set(store, start * SECTOR_BYTES);
    const disk = { base, overlay: [] };
    const of: DiskHistory = { device: 'sdb', atCopy: disk, atPowerOff: disk, atRestore: disk, written: [] };
    const [first] = [0, 1].map((index) => blockOf(path, '/snapshot', index));
    t.same(imageRanges([of], { stores: ['sdb1'] }), [
      { disk: 'sdb', startSector: start + (first ?? 0) * 8, sectors: Math.ceil(5000 / SECTOR_BYTES) },
    ]);
    t.same(imageRanges([of], { stores: ['sdb2'] }), [], 'no other volume is looked at');
    // Of the superblock, what tells how large a block is.
    const damage = { instruction: 1, sector: sector(start + 2), bytes: new Uint8Array(SECTOR_BYTES) };
    new DataView(damage.bytes.buffer).setUint16(56, 0xef53, true);
    const damaged = { ...of, atPowerOff: { base, overlay: [damage] } };
    t.same(imageRanges([damaged], { stores: ['sdb1'] }), [], 'a damaged store has none');
    t.end();
  },
);
