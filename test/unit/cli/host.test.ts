// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmod, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { defaultCacheDir } from '../../../emulator/host/node/artifacts/context.js';
import { byteCache } from '../../../emulator/host/node/byte-cache.js';
import { makeFolder } from '../../../emulator/host/node/make-folder.js';
import { checkTemporaryFolder } from '../../../emulator/host/node/temporary.js';
import { readTextFile } from '../../../emulator/host/node/text-file.js';
import { readHostFiles, readHostShare } from '../../../emulator/host/node/host-files.js';

t.test('what was put comes back; an altered entry is absent', async (t) => {
  const dir = join(t.testdir({}), 'not', 'yet');
  const cache = byteCache(dir);
  t.equal(await cache.get('key'), undefined);
  const bytes = Uint8Array.from({ length: 5000 }, (_, index) => index);
  await cache.put('key', bytes);
  t.same(new Uint8Array((await cache.get('key')) ?? []), bytes);
  t.same(await readdir(dir), ['key'], 'nothing half-written stays');
  const file = await readFile(join(dir, 'key'));
  file[40] = (file[40] ?? 0) ^ 1;
  await writeFile(join(dir, 'key'), file);
  t.equal(await cache.get('key'), undefined);
  t.same(await readdir(dir), [], 'and is removed');
});

t.test('a cache that cannot be written says what to do', async (t) => {
  const dir = t.testdir({ file: 'x' });
  await t.rejects(byteCache(join(dir, 'file')).put('key', new Uint8Array(1)), {
    message: /cannot write a checkpoint/,
    remedy: /SNAPBACK_CACHE/,
  });
});

t.test('a cache that may only be read works, and keeps nothing', async (t) => {
  // Also root cannot make a folder there.
  let told = 0;
  const cache = byteCache('/sys/kernel/snapback', () => told++);
  await cache.put('a', new Uint8Array(1));
  await cache.put('b', new Uint8Array(1));
  t.equal(await cache.get('a'), undefined);
  t.equal(told, 1);
});

t.test('folders are made with those above them, and an impossible one is an error at once', async (t) => {
  const dir = t.testdir({ file: 'x' });
  await Promise.all([makeFolder(join(dir, 'a/b/c')), makeFolder(join(dir, 'a/b/d'))]);
  t.same(await readdir(join(dir, 'a/b')), ['c', 'd']);
  await makeFolder(join(dir, 'a'));
  await t.rejects(makeFolder('/proc/nowhere/below'), { code: 'ENOENT' });
  await t.rejects(makeFolder(join(dir, 'file')), { code: 'EEXIST' });
  await t.rejects(makeFolder(join(dir, 'file/below')), { code: 'ENOTDIR' });
});

t.test('where the cache is', (t) => {
  const dirOf = (env: Record<string, string>): string => defaultCacheDir(env);
  t.equal(dirOf({ SNAPBACK_CACHE: '/a', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/a');
  t.equal(dirOf({ SNAPBACK_CACHE: 'a/../b', HOME: '/h' }), join(process.cwd(), 'b'));
  t.equal(dirOf({ SNAPBACK_CACHE: '', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/snapback');
  t.equal(dirOf({ XDG_CACHE_HOME: 'x', HOME: '/h' }), join(process.cwd(), 'x/snapback'));
  t.equal(dirOf({ HOME: '/h' }), '/h/.cache/snapback');
  t.equal(dirOf({ HOME: 'h' }), join(process.cwd(), 'h/.cache/snapback'));
  t.equal(dirOf({ HOME: '' }), join(userInfo().homedir, '.cache/snapback'));
  t.equal(dirOf({}), join(userInfo().homedir, '.cache/snapback'));
  t.end();
});

t.test('the folder for temporary files is looked at beforehand', async (t) => {
  const { TMPDIR } = process.env;
  t.teardown(() => (TMPDIR === undefined ? delete process.env['TMPDIR'] : (process.env['TMPDIR'] = TMPDIR)));
  const dir = t.testdir({ file: 'x', folder: {} });
  process.env['TMPDIR'] = join(dir, 'folder');
  await checkTemporaryFolder();
  t.same(await readdir(join(dir, 'folder')), []);
  for (const bad of ['file', 'nowhere']) {
    process.env['TMPDIR'] = join(dir, bad);
    await t.rejects(checkTemporaryFolder(), {
      name: 'RigError',
      message: new RegExp(`^cannot write to the folder for temporary files .*${bad}$`),
      remedy: /TMPDIR/,
    });
  }
});

t.test('files that people write are text, and not large', async (t) => {
  const dir = t.testdir({
    good: '\ufeffname: é\n',
    binary: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]),
    large: 'x'.repeat(2 ** 20 + 1),
  });
  t.equal(await readTextFile(join(dir, 'good')), '\ufeffname: é\n');
  await t.rejects(readTextFile(join(dir, 'binary')), { message: 'it is not text in UTF-8' });
  await t.rejects(readTextFile(join(dir, 'large')), { message: /larger than 1 MiB/ });
  await t.rejects(readTextFile('/dev/zero'), { message: /larger than 1 MiB/ });
  await t.rejects(readTextFile(dir), { code: 'EISDIR' });
});

t.test('files and folders of the host', async (t) => {
  const dir = t.testdir({ program: 'p', tree: { b: 'B', sub: { a: 'A' } } });
  const files = await readHostFiles(
    [
      { from: './program', to: '/root/p', mode: 0o755 },
      { from: 'tree', to: '/data' },
    ],
    dir,
  );
  t.same(
    files.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]),
    [
      ['/root/p', 'p'],
      ['/data/b', 'B'],
      ['/data/sub/a', 'A'],
    ],
  );
  t.equal(files[0]?.mode, 0o755);
  await symlink('b', join(dir, 'tree/link'));
  await symlink('sub', join(dir, 'tree/linked'));
  t.same(
    (await readHostFiles([{ from: 'tree', to: '/data' }], dir)).map(({ path }) => path),
    ['/data/b', '/data/link', '/data/linked/a', '/data/sub/a'],
    'links are followed, none is left out',
  );
  await symlink('..', join(dir, 'tree/sub/up'));
  await t.rejects(readHostFiles([{ from: 'tree/sub', to: '/x' }], dir), {
    name: 'InputError',
    message: /leads back into itself|cannot read/,
  });
  await symlink('nowhere', join(dir, 'dangling'));
  await t.rejects(readHostFiles([{ from: 'dangling', to: '/x' }], dir), {
    name: 'InputError',
    message: /cannot read dangling/,
  });
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  await t.rejects(readHostFiles([{ from: 'fifo', to: '/x' }], dir), {
    name: 'InputError',
    message: /fifo.*neither a file nor a folder/,
  });
  await t.rejects(readHostFiles([{ from: 'missing', to: '/x' }], dir), {
    name: 'InputError',
    message: /cannot read missing/,
    remedy: /relative to the scenario file/,
  });
});

t.test('a folder that is shared with the guest', async (t) => {
  const dir = t.testdir({ share: { b: 'B', program: '#!', sub: { a: 'A', empty: {} } }, file: 'x' });
  await chmod(join(dir, 'share/program'), 0o700);
  await chmod(join(dir, 'share/b'), 0o660);
  await chmod(join(dir, 'share/sub'), 0o700);
  const entries = await readHostShare('./share', dir);
  t.same(
    entries.map(({ path, mode, bytes }) => [path, mode.toString(8), bytes && new TextDecoder().decode(bytes)]),
    [
      ['', '40755', undefined],
      ['b', '100644', 'B'],
      ['program', '100755', '#!'],
      ['sub', '40755', undefined],
      ['sub/a', '100644', 'A'],
      ['sub/empty', '40755', undefined],
    ],
  );
  t.match(Object.keys(entries[1] ?? {}), ['path', 'mode', 'bytes'], 'neither owners nor times');
  await t.rejects(readHostShare('./file', dir), {
    name: 'InputError',
    message: /file, which the scenario shares with the guest, is not a folder/,
  });
  await t.rejects(readHostShare('./missing', dir), {
    name: 'InputError',
    message: /cannot read \.\/missing, which the scenario shares/,
    remedy: /paths in `share` are relative to the scenario file/,
  });
});
