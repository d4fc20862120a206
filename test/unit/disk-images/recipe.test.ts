// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { placePartitions } from '../../../disk-images/image/layout.js';
import { sfdiskScript } from '../../../disk-images/image/disk.js';
import { lockedSet, parseLock } from '../../../emulator/host/node/packages/lock.js';
import { mapperCommands } from '../../../tools/run/machine-files.js';
import { builtInRecipes, fixedUuid, parseRecipe, readRecipe } from '../../../disk-images/recipe/read.js';

const parse = (text: string) => parseRecipe(text, 'a.yaml', 'a', '/folder');
const MIB = 2 ** 20;

t.test('the recipes that come with Snapback are sound', async (t) => {
  const names = await builtInRecipes();
  t.ok(names.includes('root') && names.includes('stores'));
  for (const name of names) await readRecipe(name);
  const root = (await readRecipe('root')).recipe;
  t.match(root, {
    table: 'none',
    volumes: [{ filesystem: 'ext4', deviceMapper: [{ name: 'root', table: undefined }] }],
  });
  const stores = (await readRecipe('stores')).recipe;
  t.strictSame(
    stores.volumes.map(({ filesystem, sizeBytes }) => [filesystem, sizeBytes / MIB]),
    [
      ['raw', 64],
      ['swap', 320],
      ['ext4', 320],
    ],
  );
});

t.test('the lock holds the packages of the recipes', async (t) => {
  const sets = parseLock(await readFile('disk-images/packages.lock', 'utf8'), 'packages.lock');
  const { packages } = (await readRecipe('root')).recipe.volumes[0] ?? {};
  const set = packages && lockedSet(sets, { suite: 'bookworm', ...packages });
  t.ok(set, 'renew it: node tools/run.mjs tools/refresh-lock.ts');
  for (const name of packages?.install ?? [])
    t.ok(
      set?.packages.some((one) => one.name === name),
      name,
    );
  for (const name of packages?.without ?? [])
    t.notOk(
      set?.packages.some((one) => one.name === name),
      name,
    );
});

t.test('device-mapper devices over a volume', async (t) => {
  const [volume] = parse(
    'size: 8 MiB\nfilesystem: raw\ndeviceMapper:\n  - { name: low, table: [0 2048 linear VOLUME 2048, 2048 2048 linear VOLUME 0] }\n  - { name: high, target: linear }\n',
  ).volumes;
  t.strictSame(volume?.deviceMapper, [
    { name: 'low', table: ['0 2048 linear VOLUME 2048', '2048 2048 linear VOLUME 0'] },
    { name: 'high', table: undefined },
  ]);
  t.strictSame(
    mapperCommands([{ partitionNumber: 4, lengthSectors: 99, deviceMapper: volume?.deviceMapper ?? [] }], 1),
    [
      "printf '%s\\n' '0 2048 linear /dev/sdb4 2048' '2048 2048 linear /dev/sdb4 0' | DM_DISABLE_UDEV=1 dmsetup create low",
      "printf '%s\\n' '0 99 linear /dev/sdb4 0' | DM_DISABLE_UDEV=1 dmsetup create high",
    ],
  );
  const root = (await readRecipe('root')).recipe.volumes.map((one) => ({
    ...one,
    partitionNumber: 0,
    lengthSectors: 8,
  }));
  t.strictSame(mapperCommands(root, 0), [], 'the root is made by the initramfs');
  for (const wrong of [
    '{ name: x }',
    '{ name: x, target: linear, table: [0 1 zero] }',
    '{ name: "a\'b", target: linear }',
    '{ name: x, table: [linear] }',
    '[]',
  ]) {
    t.throws(() => parse(`size: 8 MiB\nfilesystem: raw\ndeviceMapper: ${wrong}\n`), { name: 'InputError' }, wrong);
  }
});

t.test('files, links, devices and folders become a tree', async (t) => {
  const recipe = parse(`size: 8 MiB
filesystem: ext4
directories: [{ path: /d, mode: '1777', owner: '1:2' }]
files:
  - { path: /t, text: "x\\n", mode: '4755' }
  - { path: /p, program: '*' }
  - { path: /h, host: sub/file }
  - { path: /i, host: /abs }
symlinks: { /l: t }
devices: [{ path: /n, type: char, major: 1, minor: 3, mode: '0666' }]
`);
  t.match(recipe.volumes[0]?.sources, [
    {
      from: 'recipe',
      entries: [
        { kind: 'directory', path: '/d', mode: 0o1777, uid: 1, gid: 2 },
        { kind: 'symlink', path: '/l', target: 't' },
        { kind: 'device', path: '/n', type: 'char', major: 1, minor: 3, mode: 0o666 },
      ],
    },
    { from: 'recipe', entries: [{ kind: 'file', path: '/t', mode: 0o4755, uid: 0 }] },
    { from: 'userspace', program: '*', path: '/p' },
    { from: 'host', hostPath: '/folder/sub/file', path: '/h' },
    { from: 'host', hostPath: '/abs', path: '/i' },
  ]);
});

t.test('identifiers are fixed, and differ between volumes', async (t) => {
  const twice = [0, 1].map(() => parse('size: 8 MiB\nfilesystem: ext4\n'));
  t.strictSame(twice[0], twice[1]);
  t.match(fixedUuid('a'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  t.not(fixedUuid('a'), fixedUuid('b'));
});

t.test('what cannot be is refused at its place', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['size: 8 MiB\nfilesystem: ext5\n', /^a\.yaml:2:13: .*did you mean 'ext4'/],
    [
      'size: 8 MiB\nfilesytem: ext4\n',
      /^a\.yaml:2:1: unknown key 'filesytem': did you mean 'filesystem'\?\n {4}filesytem: ext4\n {4}\^\^\^\^/,
    ],
    ['size: 8\nfilesystem: ext4\n', /^a\.yaml:1:7: a size such as/],
    ['size: 1000 B\nfilesystem: ext4\n', /^a\.yaml:1:7: a disk is a multiple of 512/],
    [
      'size: 8 MiB\nfilesystem: ext4\nfiles: [{ path: /a }]\n',
      /^a\.yaml:3:9: one of text, program and host .* not none/,
    ],
    ['size: 8 MiB\nfilesystem: ext4\nfiles: [{ path: /a, text: x, host: y }]\n', /^a\.yaml:3:9: .* not 2/],
    ['size: 8 MiB\nfilesystem: ext4\nfiles: [{ path: a, text: x }]\n', /^a\.yaml:3:17: an absolute path/],
    ['size: 8 MiB\nfilesystem: ext4\nfiles: [{ path: /a/../b, text: x }]\n', /^a\.yaml:3:17: an absolute path/],
    ['size: 8 MiB\nfilesystem: ext4\ndirectories: [{ path: /a, mode: 755 }]\n', /^a\.yaml:3:33: permissions in octal/],
    ['size: 8 MiB\nfilesystem: swap\nsymlinks: { /a: b }\n', /^a\.yaml:2:13: a volume of swap holds no files/],
    ['size: 8 MiB\ntable: gpt\npartitions: []\n', /^a\.yaml:3:13: at least 1/],
    [
      'size: 8 MiB\ntable: gpt\npartitions:\n - { name: a, size: 1 MiB, filesystem: raw }\n - { name: a, size: 1 MiB, filesystem: raw }\n',
      /^a\.yaml:5:12: a second partition 'a'/,
    ],
  ];
  for (const [text, message] of wrong) t.throws(() => parse(text), { name: 'InputError', message }, text);
  await t.rejects(readRecipe('no-such'), { name: 'InputError', remedy: /filesystems, .*root, / });
  await t.rejects(readRecipe('./no/such.yaml'), { name: 'InputError', message: /ENOENT/ });
});

t.test('partitions are placed one after another and must fit', async (t) => {
  t.strictSame(placePartitions(16 * MIB, 'mbr', [MIB, 1.5 * MIB, MIB]), [
    { offsetBytes: MIB, lengthBytes: MIB },
    { offsetBytes: 2 * MIB, lengthBytes: 1.5 * MIB },
    { offsetBytes: 4 * MIB, lengthBytes: MIB },
  ]);
  t.doesNotThrow(() => placePartitions(2 * MIB, 'mbr', [MIB]));
  t.throws(() => placePartitions(2 * MIB, 'gpt', [MIB]), { name: 'InputError', remedy: 'make the disk 3 MiB' });
});

t.test('the partition table is told every identifier', async (t) => {
  const text =
    'size: 8 MiB\ntable: TABLE\npartitions: [{ name: a, size: 1 MiB, filesystem: swap }, { name: b, size: 2 MiB, filesystem: vfat }]\n';
  const gpt = sfdiskScript(parse(text.replace('TABLE', 'gpt')), 'gpt');
  t.match(gpt, /^label: gpt\nlabel-id: [0-9a-f-]{36}\n/);
  t.match(
    gpt,
    /start=2048, size=2048, type=0657FD6D-\S+, uuid=[0-9a-f-]{36}, name="a"\nstart=4096, size=4096, type=EBD0A0A2-/,
  );
  t.match(
    sfdiskScript(parse(text.replace('TABLE', 'mbr')), 'mbr'),
    /^label: dos\nlabel-id: 0x[0-9a-f]{8}\nunit: sectors\n\nstart=2048, size=2048, type=82\nstart=4096, size=4096, type=c\n$/,
  );
});
