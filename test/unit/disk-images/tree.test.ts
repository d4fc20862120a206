// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { debugfsScript } from '../../../disk-images/filesystems/ext4.js';
import { xfsPrototype } from '../../../disk-images/filesystems/xfs.js';
import { cpioArchive } from '../../../disk-images/tree/cpio.js';
import { gather, hashEntries } from '../../../disk-images/tree/gather.js';
import { readTar } from '../../../emulator/host/node/tree/tar.js';
import {
  cleanPath,
  directory,
  dropPaths,
  MERGED_USR,
  mergeTree,
  type Entry,
} from '../../../emulator/host/node/tree/tree.js';

const file = (path: string, text = '', mode = 0o644): Entry => ({
  kind: 'file',
  path,
  content: new TextEncoder().encode(text),
  mode,
  uid: 0,
  gid: 0,
});
const link = (path: string, target: string): Entry => ({ kind: 'symlink', path, target, mode: 0o777, uid: 0, gid: 0 });
const paths = (entries: readonly Entry[]) => entries.map(({ path }) => path);

t.test('layers lie over one another, parents come first, missing ones are made', async (t) => {
  const merged = mergeTree([
    [file('/a/b/c', 'old'), directory('a')],
    [file('a/b/c', 'new'), file('a-x'), directory('a', 0o700)],
  ]);
  t.strictSame(paths(merged), ['a', 'a-x', 'a/b', 'a/b/c']);
  t.equal(merged[0]?.mode, 0o700);
  t.match(merged[3], { content: new TextEncoder().encode('new') });
});

t.test('a merged /usr takes what packages put beside it', async (t) => {
  const merged = mergeTree(
    [[directory('bin'), file('bin/sh'), file('usr/bin/env'), directory('lib'), link('sbin', 'usr/sbin')]],
    MERGED_USR,
  );
  t.strictSame(paths(merged), [
    'bin',
    'lib',
    'sbin',
    'usr',
    'usr/bin',
    'usr/bin/env',
    'usr/bin/sh',
    'usr/lib',
    'usr/sbin',
  ]);
  t.match(merged[0], { kind: 'symlink', target: 'usr/bin' });
});

t.test('a path cannot be a file and a folder, nor climb', async (t) => {
  t.throws(() => mergeTree([[file('a')], [directory('a')]]), { name: 'InputError', message: /\/a is both/ });
  t.throws(() => mergeTree([[link('a', 'b'), file('a/c')]]), {
    name: 'InputError',
    message: /under \/a, which is a symlink/,
  });
  t.throws(() => cleanPath('/a/../../b'), { name: 'InputError' });
  t.equal(cleanPath('./a//b/.'), 'a/b');
});

t.test('patterns drop what they name and what is under it', async (t) => {
  const entries = [
    'usr/share/doc',
    'usr/share/doc/x/y',
    'usr/share/docs',
    'usr/lib/a.a',
    'usr/lib/sub/b.a',
    'usr/libXa',
  ].map((path) => file(path));
  t.strictSame(paths(dropPaths(entries, ['/usr/share/doc'])), [
    'usr/share/docs',
    'usr/lib/a.a',
    'usr/lib/sub/b.a',
    'usr/libXa',
  ]);
  t.strictSame(paths(dropPaths(entries, ['/usr/lib/*.a'])), [
    'usr/share/doc',
    'usr/share/doc/x/y',
    'usr/share/docs',
    'usr/lib/sub/b.a',
    'usr/libXa',
  ]);
  t.strictSame(paths(dropPaths(entries, ['/usr/**.a'])), [
    'usr/share/doc',
    'usr/share/doc/x/y',
    'usr/share/docs',
    'usr/libXa',
  ]);
});

t.test('cpio: header, name and content, each padded to four bytes', async (t) => {
  const archive = Buffer.from(
    cpioArchive([
      { kind: 'device', path: 'dev/console', type: 'char', major: 5, minor: 1, mode: 0o600, uid: 0, gid: 0 },
      file('init', 'hello', 0o755),
      link('l', 'init'),
    ]),
  );
  const header = (at: number) => archive.toString('latin1', at, at + 110);
  t.equal(
    header(0),
    '070701' +
      '00000001' +
      '00002180' +
      '00000000'.repeat(2) +
      '00000001' +
      '00000000'.repeat(4) +
      '00000005' +
      '00000001' +
      '0000000c' +
      '00000000',
  );
  const second = 110 + 12 + 2;
  t.equal(header(second).slice(6, 22), '00000002000081ed');
  t.equal(archive.toString('latin1', second + 110, second + 124), 'init\0\0hello\0\0\0');
  t.match(archive.toString('latin1'), /l\0init070701.{104}TRAILER!!!\0+$/s);
  t.equal(archive.length % 4, 0);
});

t.test('cpio: read member by member, the archive holds the tree and ends', async (t) => {
  const entries = mergeTree([[file('a/b', 'x'.repeat(1000)), file('a/c', ''), link('d', 'a/b')]]);
  const names: string[] = [];
  const archive = cpioArchive(entries);
  const number = (at: number) => Number.parseInt(Buffer.from(archive.subarray(at, at + 8)).toString(), 16);
  for (let at = 0; at < archive.length;) {
    t.equal(Buffer.from(archive.subarray(at, at + 6)).toString(), '070701');
    const [size, nameLength] = [number(at + 54), number(at + 94)];
    names.push(Buffer.from(archive.subarray(at + 110, at + 110 + nameLength - 1)).toString());
    at = ((at + 110 + nameLength + 3) & ~3) + ((size + 3) & ~3);
  }
  t.strictSame(names, [...paths(entries), 'TRAILER!!!']);
});

t.test('tar: what GNU tar writes, with long names, links and modes', async (t) => {
  const long = 'n'.repeat(90);
  const dir = t.testdir({
    [long]: { [long]: 'deep' },
    plain: 'text',
    link: t.fixture('symlink', 'plain'),
    hard: t.fixture('link', 'plain'),
  });
  chmodSync(join(dir, 'plain'), 0o4750);
  for (const format of ['gnu', 'pax', 'ustar']) {
    const { stdout } = spawnSync('tar', [
      '-c',
      `--format=${format}`,
      '--sort=name',
      '--owner=:7',
      '--group=:8',
      '-C',
      dir,
      '.',
    ]);
    const entries = readTar(stdout);
    t.strictSame([...paths(entries)].sort(), ['hard', 'link', long, `${long}/${long}`, 'plain'].sort(), format);
    t.match(
      entries.find(({ path }) => path === 'plain'),
      { kind: 'file', mode: 0o4750, uid: 7, gid: 8, content: Buffer.from('text') },
    );
    t.match(
      entries.find(({ path }) => path === 'hard'),
      { kind: 'file', content: Buffer.from('text') },
    );
    t.match(
      entries.find(({ path }) => path === 'link'),
      { kind: 'symlink', target: 'plain' },
    );
  }
});

t.test('tar: a torn or altered stream is refused', async (t) => {
  const { stdout } = spawnSync('tar', ['-c', '-C', t.testdir({ a: 'x'.repeat(2000) }), 'a']);
  t.throws(() => readTar(stdout.subarray(0, 1500)), { name: 'RigError', message: /ends within/ });
  const altered = Buffer.from(stdout);
  altered[0] = 0x62;
  t.throws(() => readTar(altered), { name: 'RigError', message: /checksum/ });
});

t.test('host folders are taken whole, in the order of names', async (t) => {
  const dir = t.testdir({ z: 'z', a: { b: 'b' }, l: t.fixture('symlink', 'z') });
  chmodSync(join(dir, 'z'), 0o751);
  const never = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const entries = await gather({ from: 'host', hostPath: dir, path: '/x', mode: undefined, uid: 3, gid: 4 }, never);
  t.strictSame(paths(entries), ['/x', '/x/a', '/x/a/b', '/x/l', '/x/z']);
  t.match(entries[4], { mode: 0o751, uid: 3, gid: 4 });
  await t.rejects(
    gather({ from: 'host', hostPath: join(dir, 'none'), path: '/x', mode: undefined, uid: 0, gid: 0 }, never),
    { name: 'InputError', message: /cannot read/ },
  );
});

t.test('guest programs come by name, or all but the inits', async (t) => {
  const dir = t.testdir({ bin: { 'rig-agent': 'agent', 'rig-init': 'init' } });
  const userspace = () =>
    Promise.resolve({
      name: 'userspace',
      key: '',
      dir,
      sha256: { 'bin/rig-agent': '', 'bin/rig-init': '', other: '' },
    });
  t.strictSame(paths(await gather({ from: 'userspace', program: '*', path: '/usr/bin', mode: 0o755 }, userspace)), [
    '/usr/bin/rig-agent',
  ]);
  t.match(await gather({ from: 'userspace', program: 'rig-init', path: '/sbin/init', mode: 0o755 }, userspace), [
    { path: '/sbin/init', content: Buffer.from('init') },
  ]);
  await t.rejects(gather({ from: 'userspace', program: 'nope', path: '/x', mode: 0o755 }, userspace), {
    name: 'InputError',
    remedy: 'take one of rig-agent, rig-init',
  });
});

t.test('programs of another architecture lie beside the native ones, which no disk has twice', async (t) => {
  const dir = t.testdir({ i386: { bin: { agent: '32' } }, x86_64: { bin: { agent: '64' } } });
  const userspace = (arch: 'i386' | 'x86_64') =>
    Promise.resolve({
      name: 'userspace',
      key: '',
      dir: join(dir, arch),
      sha256: { 'bin/agent': '' },
    });
  const native = { from: 'userspace', program: '*', path: '/usr/bin', mode: 0o755 } as const;
  const compat = { ...native, path: '/opt/i386/bin', arch: 'i386' } as const;
  t.match(await gather(native, userspace, 'x86_64'), [{ path: '/usr/bin/agent', content: Buffer.from('64') }]);
  t.match(await gather(compat, userspace, 'x86_64'), [{ path: '/opt/i386/bin/agent', content: Buffer.from('32') }]);
  t.match(await gather(native, userspace, 'i386'), [{ path: '/usr/bin/agent', content: Buffer.from('32') }]);
  t.strictSame(await gather(compat, userspace, 'i386'), []);
});

t.test('the hash of a tree knows contents, owners and modes', async (t) => {
  const base = hashEntries([file('a', 'x')]);
  t.equal(hashEntries([file('a', 'x')]), base);
  for (const other of [
    file('a', 'y'),
    file('b', 'x'),
    file('a', 'x', 0o600),
    { ...file('a', 'x'), uid: 1 },
    link('a', 'x'),
  ])
    t.not(hashEntries([other]), base);
});

t.test('debugfs gets its commands folder by folder, names quoted', async (t) => {
  const { script, files } = debugfsScript(
    mergeTree([[file('d/with "quotes"', 'x', 0o4755), link('d/l', 'a b')]]),
    '/s',
  );
  t.equal(
    script,
    `cd "/"\nmkdir "d"\nsif "d" mode 040755\nsif "d" uid 0\nsif "d" gid 0\ncd "/d"\nsymlink "l" "a b"\nsif "l" mode 0120777\nsif "l" uid 0\nsif "l" gid 0\nwrite "/s/content-2" "with ""quotes"""\nsif "with ""quotes""" mode 0104755\nsif "with ""quotes""" uid 0\nsif "with ""quotes""" gid 0\n`,
  );
  t.strictSame([...files.keys()], ['/s/content-2']);
  t.throws(() => debugfsScript([file('a\nrm b')], '/s'), { name: 'InputError' });
});

t.test('mkfs.xfs gets its prototype folder within folder', async (t) => {
  const tree = mergeTree([
    [
      file('d/f', 'x', 0o4755),
      { kind: 'device', path: 'n', type: 'block', major: 8, minor: 1, mode: 0o660, uid: 1, gid: 2 },
    ],
  ]);
  t.equal(
    xfsPrototype(tree, new Map([['d/f', '/s/1']])),
    '/\n0 0\nd--755 0 0\n d d--755 0 0\n  f -u-755 0 0 /s/1\n $\n n b--660 1 2 8 1\n$\n',
  );
  t.throws(() => xfsPrototype([file('a b')], new Map()), { name: 'InputError' });
});
