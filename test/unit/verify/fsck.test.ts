// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkFilesystem } from '../../../emulator/host/node/fsck.js';
import { journalOf } from '../../../emulator/verify/disk/journals.js';
import type { Filesystem } from '../../../emulator/verify/disk/partitions.js';
import { filesystemOf } from '../../../emulator/verify/disk/partitions.js';
import { sourceOf } from '../../../emulator/verify/source.js';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const hasTool = (name: string): boolean => PATH.split(':').some((dir) => existsSync(join(dir, name)));
const directory = mkdtempSync(join(tmpdir(), 'snapback-test-'));
// The checker's copies go here as well, apart from those of others.
process.env['TMPDIR'] = directory;
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

interface Case {
  readonly filesystem: Filesystem;
  readonly sizeMiB: number;
  readonly make: readonly string[];
  readonly checker: string;
  /** Something that the checker must find. */
  readonly damage: (bytes: Uint8Array) => void;
}

const cases: readonly Case[] = [
  {
    filesystem: 'ext4',
    sizeMiB: 16,
    make: ['mkfs.ext4', '-q', '-F'],
    checker: 'e2fsck',
    damage: (bytes) => bytes.fill(0xff, 1024 + 12, 1024 + 16),
  },
  {
    filesystem: 'xfs',
    sizeMiB: 320,
    make: ['mkfs.xfs', '-q', '-f'],
    checker: 'xfs_repair',
    damage: (bytes) => bytes.fill(0xff, 512, 560),
  },
  {
    filesystem: 'btrfs',
    sizeMiB: 128,
    make: ['mkfs.btrfs', '-q', '-f'],
    checker: 'btrfs',
    damage: (bytes) => flipAll(bytes, '_BHRfS_M'),
  },
  {
    filesystem: 'f2fs',
    sizeMiB: 64,
    make: ['mkfs.f2fs', '-q', '-f'],
    checker: 'fsck.f2fs',
    damage: (bytes) => bytes.fill(0, 512 * 4096, 1024 * 4096),
  },
  {
    filesystem: 'vfat',
    sizeMiB: 16,
    make: ['mkfs.fat'],
    checker: 'fsck.fat',
    damage: (bytes) => bytes.fill(0xaa, 512 * 4, 512 * 4 + 64),
  },
];

/** Spoils every tree block of btrfs but the superblocks, by the checksum at its begin. */
function flipAll(bytes: Uint8Array, magic: string): void {
  const text = new TextEncoder().encode(magic);
  for (let at = 0x100000; at < bytes.length; at += 4096) {
    if (bytes.subarray(at + 0x40, at + 0x48).every((byte, i) => byte === text[i])) continue;
    if (bytes[at + 0x20] !== 0) bytes[at] = (bytes[at] as number) ^ 0xff;
  }
}

for (const {
  filesystem,
  sizeMiB,
  make: [program = '', ...args],
  checker,
  damage,
} of cases) {
  t.test(
    filesystem,
    { skip: !(hasTool(program) && hasTool(checker)) && `${program} and ${checker} are not installed` },
    async (t) => {
      const path = join(directory, filesystem);
      writeFileSync(path, '');
      truncateSync(path, sizeMiB << 20);
      execFileSync(program, [...args, path], { env: { ...process.env, PATH }, stdio: 'ignore' });
      const bytes = readFileSync(path);
      rmSync(path);
      t.equal(filesystemOf(sourceOf(bytes)), filesystem);
      const good = await checkFilesystem(sourceOf(bytes), filesystem, 'left');
      t.equal(good?.clean, true, (good?.output ?? []).join('\n'));
      damage(bytes);
      const bad = await checkFilesystem(sourceOf(bytes), filesystem, 'left');
      t.equal(bad?.clean, false, (bad?.output ?? []).join('\n'));
      t.ok((bad?.output.length ?? 0) > 0, 'says what is wrong');
      t.notMatch(bad?.output.join('\n'), /snapback-fsck/, 'and not where its copy lay');
    },
  );
}

t.test(
  'a journal on a volume of its own',
  { skip: !(hasTool('mke2fs') && hasTool('debugfs')) && 'mke2fs and debugfs are not installed' },
  async (t) => {
    const uuid = '0f2b5d5e-6b0c-4a53-9d3c-6a8d3d3a1c01';
    const make = (name: string, ...args: readonly string[]): string => {
      const path = join(directory, name);
      writeFileSync(path, '');
      truncateSync(path, 16 << 20);
      execFileSync('mke2fs', ['-q', '-F', '-b', '1024', ...args, path], { env: { ...process.env, PATH } });
      return path;
    };
    const journalPath = make('jbd2', '-O', 'journal_dev', '-U', uuid);
    const path = make('outside', '-t', 'ext4', '-O', '^has_journal');
    // mke2fs itself takes block devices only.
    for (const request of [`set_super_value journal_uuid ${uuid}`, 'feature has_journal'])
      execFileSync('debugfs', ['-w', '-R', request, path], { env: { ...process.env, PATH }, stdio: 'ignore' });
    const [bytes, journal] = [path, journalPath].map((name) => sourceOf(readFileSync(name)));
    if (!bytes || !journal) throw new Error('no volumes');
    t.equal(filesystemOf(journal), 'jbd2');
    const all = [bytes, journal].map((volume) => ({ filesystem: filesystemOf(volume), bytes: volume }));
    const [outside, inside] = all;
    if (!outside || !inside) throw new Error('no volumes');
    t.equal(journalOf(outside, all), journal);
    t.equal(journalOf(outside, [outside]), undefined, 'it is not there');
    t.equal(journalOf(inside, all), undefined);
    t.equal((await checkFilesystem(bytes, 'ext4', 'left'))?.clean, false, 'nothing can be said without it');
    const found = await checkFilesystem(bytes, 'ext4', 'left', { journal });
    t.equal(found?.clean, true, (found?.output ?? []).join('\n'));
    t.equal(found?.checker, 'e2fsck -f -n');
  },
);

t.test(
  'a journal that waits to be replayed',
  { skip: !(hasTool('mkfs.ext4') && hasTool('debugfs')) && 'mkfs.ext4 and debugfs are not installed' },
  async (t) => {
    const path = join(directory, 'journal');
    writeFileSync(path, '');
    truncateSync(path, 16 << 20);
    execFileSync('mkfs.ext4', ['-q', '-F', path], { env: { ...process.env, PATH } });
    execFileSync('debugfs', ['-w', '-R', 'feature needs_recovery', path], {
      env: { ...process.env, PATH },
      stdio: 'ignore',
    });
    const bytes = readFileSync(path);
    t.equal(
      (await checkFilesystem(sourceOf(bytes), 'ext4', 'inUse'))?.clean,
      true,
      'is replayed for a machine that was in use',
    );
    t.equal(
      (await checkFilesystem(sourceOf(bytes), 'ext4', 'left'))?.clean,
      false,
      'and must not be there after a shutdown',
    );
    t.equal((await checkFilesystem(sourceOf(bytes), 'ext4', 'frozen'))?.clean, false, 'nor when it was frozen');
  },
);

t.test(
  'the mark of a vfat that is mounted',
  { skip: !(hasTool('mkfs.fat') && hasTool('fsck.fat')) && 'mkfs.fat and fsck.fat are not installed' },
  async (t) => {
    for (const { args, sizeMiB, at } of [
      { args: ['-F', '16'], sizeMiB: 16, at: 0x25 },
      { args: ['-F', '32'], sizeMiB: 64, at: 0x41 },
    ]) {
      const path = join(directory, 'dirty');
      writeFileSync(path, '');
      truncateSync(path, sizeMiB << 20);
      execFileSync('mkfs.fat', [...args, path], { env: { ...process.env, PATH }, stdio: 'ignore' });
      const bytes = readFileSync(path);
      rmSync(path);
      bytes[at] = (bytes[at] ?? 0) | 1;
      t.equal((await checkFilesystem(sourceOf(bytes), 'vfat', 'inUse'))?.clean, true);
      t.equal((await checkFilesystem(sourceOf(bytes), 'vfat', 'left'))?.clean, false, 'must be gone after an unmount');
      t.equal((await checkFilesystem(sourceOf(bytes), 'vfat', 'frozen'))?.clean, false, 'and when it is frozen');
      bytes.fill(0xaa, 512 * (args[1] === '32' ? 32 : 4), 512 * (args[1] === '32' ? 32 : 4) + 64);
      t.equal((await checkFilesystem(sourceOf(bytes), 'vfat', 'inUse'))?.clean, false, 'it covers no damage');
    }
  },
);

t.test('a journal that only a kernel can replay is replayed by one, and what comes of it is judged', async (t) => {
  // Finds fault with volumes that begin with B, and says of those that begin with D what the real one says of a journal that waits.
  const programs = t.testdir({
    xfs_repair: `#!/bin/sh
case $(head -c 1 "$2") in
D) echo 'ALERT: The filesystem has valuable metadata changes in a log which is being'; exit 1 ;;
B) echo 'bad magic number'; exit 1 ;;
esac
`,
  });
  chmodSync(join(programs, 'xfs_repair'), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${programs}:${path}`;
  t.teardown(() => void (process.env['PATH'] = path));
  const volume = (letter: string) => sourceOf(new TextEncoder().encode(letter.padEnd(4096)));
  const mounted: string[] = [];
  const check = (before: string, after: string, condition: 'inUse' | 'left' | 'frozen' = 'inUse') =>
    checkFilesystem(volume(before), 'xfs', condition, {
      mountOnce: async (given) => {
        mounted.push(String.fromCharCode(given.read(0, 1)[0] ?? 0));
        return after === ''
          ? { problem: 'the kernel does not mount it (errno 117)', consoleTail: ['XFS: bad'] }
          : { volume: volume(after) };
      },
    });
  t.match(await check('D', 'C'), { clean: true, checker: 'xfs_repair -n after a mount' });
  t.match(await check('D', 'B'), { clean: false, output: ['bad magic number'] });
  t.match(await check('D', 'D'), { clean: false });
  t.match(await check('D', ''), { clean: false, checker: 'mount', output: [/errno 117/, 'XFS: bad'] });
  t.same(mounted, ['D', 'D', 'D', 'D']);
  t.match(await check('B', 'C'), { clean: false }, 'damage is damage');
  t.match(await check('C', 'B'), { clean: true });
  t.match(await check('D', 'C', 'left'), { clean: false }, 'a filesystem that was left has no such journal');
  t.equal(mounted.length, 4, 'no more machines than are needed');
});

t.test('a checker ends when the run is given up, and leaves nothing', async (t) => {
  const programs = t.testdir({ e2fsck: '#!/bin/sh\necho $$ > "$PIDS"\nexec sleep 1000\n' });
  chmodSync(join(programs, 'e2fsck'), 0o755);
  const pids = join(programs, 'pid');
  const before = { ...process.env };
  process.env['PATH'] = `${programs}:${before['PATH']}`;
  process.env['PIDS'] = pids;
  t.teardown(() => void (process.env['PATH'] = before['PATH']));
  const controller = new AbortController();
  const checking = checkFilesystem(sourceOf(new Uint8Array(1 << 20)), 'ext4', 'left', { signal: controller.signal });
  while (!existsSync(pids) || readFileSync(pids, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 10));
  controller.abort(new Error('given up'));
  await t.rejects(checking, { message: 'given up' });
  const pid = readFileSync(pids, 'utf8').trim();
  t.ok(!existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')), 'the checker is gone');
  t.same(
    readdirSync(directory).filter((name) => name.startsWith('snapback-fsck-')),
    [],
  );
});

t.test('no checker, nothing left behind', async (t) => {
  t.equal(await checkFilesystem(sourceOf(new Uint8Array(4096)), 'swap', 'left'), undefined);
  t.same(
    readdirSync(directory).filter((name) => name.startsWith('snapback-fsck-')),
    [],
  );
});
