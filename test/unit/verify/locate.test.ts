// SPDX-License-Identifier: MIT
/** Bytes of filesystems are named by file: vfat by our own reader, the others by their tools. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { locate } from '../../../emulator/host/node/locate.js';
import { readFat } from '../../../emulator/verify/disk/fat.js';
import { volumes } from '../../../emulator/verify/disk/partitions.js';
import { nameSectors } from '../../../emulator/verify/disk/verify.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { sector } from '../../../emulator/machine/units.js';
import { searchPath } from '../../../emulator/host/node/process.js';

const directory = mkdtempSync(join(tmpdir(), 'snapback-test-'));
process.env['TMPDIR'] = directory;
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const env = { ...process.env, PATH: searchPath(), MTOOLSRC: '/dev/null' };
const run = (program: string, ...args: readonly string[]): void =>
  void execFileSync(program, args, { env, cwd: directory, stdio: 'ignore' });

/** A file of 200 kB in which each sector is unlike any other. */
const BIG = Uint8Array.from({ length: 200_000 }, (_, i) => (i % 512 < 4 ? (i >> 9) >> (8 * (i % 4)) : 0xa5 ^ i) & 0xff);
mkdirSync(join(directory, 'tree/a folder'), { recursive: true });
writeFileSync(join(directory, 'tree/a folder/big file'), BIG);
mkdirSync(join(directory, 'tree/folder'));
writeFileSync(join(directory, 'tree/folder/big'), BIG);

function image(name: string, sizeMiB: number): string {
  writeFileSync(join(directory, name), '');
  truncateSync(join(directory, name), sizeMiB << 20);
  return name;
}

/** The image's bytes, and where the sector number `index` of the file lies in it. */
function placed(name: string, index: number): { readonly bytes: Buffer; readonly at: number } {
  const bytes = readFileSync(join(directory, name));
  rmSync(join(directory, name));
  const at = bytes.indexOf(BIG.subarray(512 * index, 512 * (index + 1)));
  if (at < 0) throw new Error('the file is not in the image');
  return { bytes, at };
}

for (const [bits, sizeMiB] of [
  [12, 4],
  [16, 32],
  [32, 64],
] as const) {
  t.test(`vfat, FAT${bits}`, async (t) => {
    const name = image(`fat${bits}`, sizeMiB);
    run('mkfs.fat', '-F', String(bits), name);
    run('mmd', '-i', name, '::/a folder');
    run('mcopy', '-i', name, 'tree/a folder/big file', '::/a folder/big file');
    run('mcopy', '-i', name, 'tree/folder/big', '::/SHORT.TXT');
    const { bytes, at } = placed(name, 300);
    const fat = readFat(sourceOf(bytes));
    t.equal(fat.describe(at + 7), `/a folder/big file, byte ${300 * 512 + 7}`);
    const second = bytes.indexOf(BIG.subarray(0, 512), at);
    t.equal(fat.describe(second), '/SHORT.TXT, byte 0', 'the file that was copied after it');
    t.equal(fat.describe(0), 'boot and reserved sectors');
    t.match(fat.describe(bytes.length - 4096), /^free cluster \d+$/);
    const [difference] = nameSectors(sourceOf(bytes), volumes(sourceOf(bytes), 'sdb'), 'sdb', [
      { start: sector(at / 512), count: 1 },
    ]);
    t.match(difference, { device: 'sdb', owner: `vfat: /a folder/big file, byte ${300 * 512}` });
  });
}

t.test('a boot sector that makes no sense', async (t) => {
  t.throws(() => readFat(sourceOf(new Uint8Array(4096))), { name: 'GuestError' });
});

t.test('xfs', async (t) => {
  const name = image('xfs', 320);
  writeFileSync(
    join(directory, 'prototype'),
    '/\n0 0\nd--755 0 0\nfolder d--755 0 0\nbig ---644 0 0 tree/folder/big\n$\n$\n',
  );
  run('mkfs.xfs', '-q', '-p', 'prototype', name);
  const { bytes, at } = placed(name, 100);
  t.same(await locate(sourceOf(bytes), 'xfs', [at, 0]), ['/folder/big', 'superblock']);
});

t.test('btrfs', async (t) => {
  const name = image('btrfs', 128);
  run('mkfs.btrfs', '-q', '--rootdir', 'tree', name);
  const { bytes, at } = placed(name, 100);
  const [file, superblock, elsewhere] = await locate(sourceOf(bytes), 'btrfs', [at + 9, 65_536, bytes.length - 4096]);
  t.match(file, new RegExp(`^/(folder/big|a folder/big file), byte ${100 * 512 + 9}$`));
  t.equal(superblock, 'superblock');
  t.equal(elsewhere, 'in no chunk');
});

t.test('f2fs', async (t) => {
  const name = image('f2fs', 64);
  run('mkfs.f2fs', '-q', name);
  run('sload.f2fs', '-f', 'tree', name);
  const { bytes, at } = placed(name, 96);
  const [file] = await locate(sourceOf(bytes), 'f2fs', [at]);
  t.match(file, new RegExp(`^file big( file)?, byte ${96 * 512}$`));
});

t.test('where the tools cannot say, nothing is said, and nothing is left behind', async (t) => {
  t.same(await locate(sourceOf(new Uint8Array(1 << 20)), 'xfs', [0]), [undefined]);
  t.same(await locate(sourceOf(new Uint8Array(1 << 20)), 'btrfs', [0, 512]), [undefined, undefined]);
  t.same(await locate(sourceOf(new Uint8Array(4096)), 'swap', [0]), [undefined]);
  const controller = new AbortController();
  controller.abort(new Error('given up'));
  await t.rejects(locate(sourceOf(new Uint8Array(4096)), 'xfs', [0], controller.signal), { message: 'given up' });
  t.same(
    readdirSync(directory).filter((name) => name.startsWith('snapback-fsck-')),
    [],
  );
});
