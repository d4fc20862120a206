// SPDX-License-Identifier: MIT
/** Disks of every filesystem: the same bytes whoever makes them, sound to the filesystem's own checker, and with all that the recipe says. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import t from 'tap';
import { placePartitions } from '../../../disk-images/image/layout.js';
import { loadDiskImage } from '../../../disk-images/image/ranges.js';
import { readRecipe } from '../../../disk-images/recipe/read.js';
import { searchPath } from '../../../emulator/host/node/process.js';

const NOBODY = 65534;
const FILES = `
    directories: [{ path: /tmp, mode: '1777' }, { path: /closed, mode: '0500' }]
    files:
      - { path: /folder/hello, text: "hello\\n", mode: '4711' }
      - { path: /big, host: big.bin }
      - { path: /from-host, host: folder }
    symlinks: { /link: folder/hello }`;
const OWNED = `
    directories: [{ path: /tmp, mode: '1777' }, { path: /own, owner: '1000:100', mode: '2750' }]
    devices: [{ path: /dev/null, type: char, major: 1, minor: 3, mode: '0666' }]
    files:
      - { path: /folder/hello, text: "hello\\n", mode: '4711' }
      - { path: /big, host: big.bin, owner: '7:8' }
      - { path: /from-host, host: folder }
    symlinks: { /link: folder/hello }`;
const RECIPE = `size: 680 MiB
table: gpt
partitions:
  - name: ext4
    size: 64 MiB
    filesystem: ext4
    label: four${OWNED}
  - name: xfs
    size: 300 MiB
    filesystem: xfs
    label: ex${OWNED}
  - name: btrfs
    size: 128 MiB
    filesystem: btrfs
    label: butter${FILES}
  - name: f2fs
    size: 64 MiB
    filesystem: f2fs
    label: flash${FILES}
  - name: vfat
    size: 34 MiB
    filesystem: vfat
    label: fat
    files: [{ path: /folder/hello, text: "hello\\n" }, { path: /a long name.txt, text: x }]
  - name: swap
    size: 16 MiB
    filesystem: swap
    label: swap
`;

const dir = t.testdir({ recipe: { 'disk.yaml': RECIPE, folder: { z: 'last', a: 'first', sub: { deep: 'x' } } } });
const big = Buffer.alloc(3_000_000, 'all work and no play ');
big.fill(0, 100_000, 900_000);
writeFileSync(join(dir, 'recipe/big.bin'), big);
const program = join(dir, 'make.mjs');
await build({
  entryPoints: ['test/unit/disk-images/fixtures/make.ts'],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2023',
  packages: 'external',
});

function make(
  name: string,
  options: { readonly uid?: number; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const own = join(dir, name);
  mkdirSync(own);
  if (options.uid !== undefined) chownSync(own, options.uid, options.uid);
  chmodSync(own, 0o755);
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const run = spawnSync(process.execPath, [program, join(dir, 'recipe/disk.yaml'), own], {
    encoding: 'utf8',
    ...identity,
    env: { ...process.env, ...options.env },
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout.trim();
}

const first = make('first');

t.test('the same recipe gives the same bytes, whoever makes it, when and where', async (t) => {
  // Root can become somebody else for this; anybody else shows by the run itself that no root is needed.
  const uid = process.getuid?.() === 0 ? { uid: NOBODY } : {};
  t.equal(
    make('second', {
      ...uid,
      env: { TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8', PATH: '/usr/bin:/bin', HOME: '/nonexistent' },
    }),
    first,
  );
});

const { recipe } = await readRecipe(join(dir, 'recipe/disk.yaml'));
const places = placePartitions(
  recipe.sizeBytes,
  'gpt',
  recipe.volumes.map(({ sizeBytes }) => sizeBytes),
);

/** The partition as a file of its own. */
async function cutOut(name: string): Promise<string> {
  const place = places[recipe.volumes.findIndex((volume) => volume.name === name)];
  if (!place) throw new Error(name);
  const path = join(dir, `${name}.img`);
  const [disk, part] = [await open(join(dir, 'first/disk.img')), await open(path, 'w')];
  const bytes = Buffer.alloc(place.lengthBytes);
  await disk.read(bytes, 0, bytes.length, place.offsetBytes);
  await part.writeFile(bytes);
  await Promise.all([disk.close(), part.close()]);
  return path;
}

function run(program: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath(), TZ: 'UTC', LC_ALL: 'C' },
  });
  return { status, text: `${stdout}${stderr}` };
}

t.test('the list beside the image leaves out nothing but zeros', async (t) => {
  const path = join(dir, 'first/disk.img');
  t.equal(Buffer.compare(await loadDiskImage(path), await readFile(path)), 0);
});

t.test('the partition table is sound and says what the recipe says', async (t) => {
  t.match(run('sfdisk', '--verify', join(dir, 'first/disk.img')), { status: 0, text: /No errors detected/ });
  const { partitiontable: table } = JSON.parse(run('sfdisk', '--json', join(dir, 'first/disk.img')).text) as {
    partitiontable: { label: string; partitions: { name: string; start: number; size: number }[] };
  };
  t.equal(table.label, 'gpt');
  t.strictSame(
    table.partitions.map(({ name, start, size }) => ({ name, offsetBytes: start * 512, lengthBytes: size * 512 })),
    recipe.volumes.map(({ name }, index) => ({ name, ...places[index] })),
  );
});

t.test('ext4', async (t) => {
  const image = await cutOut('ext4');
  t.match(run('e2fsck', '-fn', image), { status: 0 });
  const show = (path: string) => run('debugfs', '-R', `stat ${path}`, image).text;
  t.match(show('/folder/hello'), /Mode: +04711[^]*User: +0 +Group: +0 [^]*Size: 6\n/);
  t.match(show('/folder/hello'), /mtime: 0x67748580:0+ -- Wed Jan +1 00:00:00 2025/);
  t.match(show('/tmp'), /Mode: +01777/);
  t.match(show('/own'), /Mode: +02750[^]*User: +1000 +Group: +100 /);
  t.match(show('/big'), /User: +7 +Group: +8 [^]*Size: 3000000\n/);
  t.match(show('/dev/null'), /Type: character special[^]*Mode: +0666[^]*Device major\/minor number: 01:03/);
  t.match(show('/link'), /Fast link dest: "folder\/hello"/);
  t.match(run('debugfs', '-R', 'cat /from-host/sub/deep', image).text, /^x/);
});

t.test('xfs', async (t) => {
  const image = await cutOut('xfs');
  t.match(run('xfs_repair', '-n', '-f', image), { status: 0 });
  const show = (path: string, ...fields: readonly string[]) =>
    run('xfs_db', '-r', '-c', `path ${path}`, '-c', `print ${fields.join(' ')}`, image).text;
  t.match(
    show('/folder/hello', 'core.mode', 'core.uid', 'core.size'),
    /core.mode = 0104711\ncore.uid = 0\ncore.size = 6/,
  );
  t.match(show('/tmp', 'core.mode'), /041777/);
  t.match(show('/own', 'core.mode', 'core.uid', 'core.gid'), /042750\ncore.uid = 1000\ncore.gid = 100/);
  t.match(show('/big', 'core.uid', 'core.gid', 'core.size'), /= 7\n.*= 8\n.*= 3000000/);
  t.match(show('/big', 'core.mtime'), /Wed Jan {2}1 00:00:00 2025/);
  t.match(show('/dev/null', 'core.mode'), /020666/);
});

t.test('btrfs', async (t) => {
  const image = await cutOut('btrfs');
  t.match(run('btrfs', 'check', '--check-data-csum', image), { status: 0, text: /no error found/ });
  const restored = join(dir, 'restored');
  mkdirSync(restored);
  t.match(run('btrfs', 'restore', '--symlinks', image, restored), { status: 0 });
  t.match(run('cat', join(restored, 'link')), { text: 'hello\n' });
  t.match(run('cmp', join(restored, 'big'), join(dir, 'recipe/big.bin')), { status: 0 });
  const inodes = run('btrfs', 'inspect-internal', 'dump-tree', '-t', 'fs', image).text;
  t.match(inodes, /mode 104711 links 1 uid 0 gid 0/);
  t.match(inodes, /mode 41777 links 1 uid 0 gid 0/);
  t.notMatch(inodes, /uid 65534/);
  t.notMatch(inodes, /mtime (?!1735689600\.0)/);
});

t.test('f2fs', async (t) => {
  const image = await cutOut('f2fs');
  const { status, text } = run('fsck.f2fs', '--dry-run', image);
  t.equal(status, 0);
  t.notMatch(text, /\[Fail\]/);
  t.match(text, /\[Ok\.\.\]/);
  const tree = run('fsck.f2fs', '-t', '--dry-run', image).text;
  for (const name of ['hello', 'big', 'link', 'deep', 'tmp']) t.match(tree, name);
});

t.test('vfat', async (t) => {
  const image = await cutOut('vfat');
  t.match(run('fsck.fat', '-n', image), { status: 0 });
  const content = spawnSync('mtype', ['-i', image, '::/folder/hello'], {
    encoding: 'utf8',
    env: { ...process.env, MTOOLS_SKIP_CHECK: '1' },
  });
  t.equal(content.stdout, 'hello\n');
  t.match(spawnSync('mdir', ['-i', image, '::/'], { encoding: 'utf8' }).stdout, /a long name\.txt/);
});

t.test('swap', async (t) => {
  const image = await cutOut('swap');
  const volume = recipe.volumes.find(({ name }) => name === 'swap');
  t.match(run('swaplabel', image), { status: 0, text: new RegExp(`LABEL: swap\nUUID: +${volume?.uuid ?? ''}`) });
});
