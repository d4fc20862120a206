// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { archiveOf, fetchPackages, fileName } from '../../../emulator/host/node/packages/apt.js';
import {
  lockedSet,
  parseLock,
  renderLock,
  type LockedPackage,
  type LockedSet,
} from '../../../emulator/host/node/packages/lock.js';
import { unpackPackages } from '../../../emulator/host/node/packages/obtain.js';

const sample: LockedPackage = {
  name: 'zlib1g',
  version: '1:1.2.13.dfsg-1',
  archive: 'debian',
  sizeBytes: 82644,
  sha256: 'ab'.repeat(32),
  path: 'pool/main/z/zlib/zlib1g_1.2.13.dfsg-1_i386.deb',
};
const set: LockedSet = { suite: 'bookworm', install: ['a', 'b'], without: ['c'], packages: [sample] };
const context = (cacheDir: string) => ({ cacheDir, signal: new AbortController().signal, progress: () => undefined });

t.test('a lock reads as it was written', async (t) => {
  const sets: readonly LockedSet[] = [
    set,
    { ...set, suite: 'trixie', without: [], packages: [] },
    { ...set, architecture: 'amd64' },
  ];
  t.strictSame(parseLock(renderLock(sets), 'lock'), sets);
});

t.test('a line that is none is named', async (t) => {
  t.throws(() => parseLock(`${renderLock([set])}\nzlib1g 1 debian\n`, 'lock'), {
    name: 'RigError',
    message: /^lock:\d+: not a line/,
    remedy: /refresh-lock/,
  });
  t.throws(() => parseLock('install a\n', 'lock'), { message: /^lock:1:/ });
});

t.test('a locked set is found by what was wished for, in any order', async (t) => {
  t.equal(lockedSet([set], { suite: 'bookworm', install: ['b', 'a'], without: ['c'] }), set);
  t.equal(lockedSet([set], { suite: 'bookworm', install: ['b', 'a'], without: [] }), undefined);
  const native: LockedSet = { ...set, architecture: 'amd64' };
  t.equal(
    lockedSet([set, native], { suite: 'bookworm', install: ['a', 'b'], without: ['c'], architecture: 'amd64' }),
    native,
  );
  t.equal(lockedSet([native, set], { suite: 'bookworm', install: ['a', 'b'], without: ['c'] }), set);
  t.equal(lockedSet([set], { suite: 'trixie', install: ['b', 'a'], without: ['c'] }), undefined);
});

t.test('mirrors are told apart by what they mirror', async (t) => {
  t.equal(archiveOf('http://example.org/mirror/debian-security/'), 'debian-security');
});

/** A mirror on this machine, with one package in it. */
async function mirror(dir: string): Promise<LockedPackage> {
  spawnSync('dpkg-deb', ['--root-owner-group', '--build', join(dir, 'package'), join(dir, 'debian/pool.deb')]);
  const bytes = await readFile(join(dir, 'debian/pool.deb'));
  return {
    name: 'thing',
    version: '1',
    archive: 'debian',
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    path: 'pool.deb',
  };
}

const PACKAGE = {
  DEBIAN: {
    control: 'Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: none <none@example.org>\nDescription: thing\n',
  },
  usr: { bin: { thing: '#!/bin/sh\n' } },
};

t.test('packages are fetched by apt, checked, and unpacked without their scripts', async (t) => {
  const dir = t.testdir({ package: PACKAGE, debian: {}, to: {} });
  const thing = await mirror(dir);
  const sources = [{ uri: `file:${dir}/debian`, suite: 'any', signedBy: undefined }];
  const gone = { ...thing, name: 'gone', path: 'gone.deb' };
  const forged = { ...thing, name: 'forged', sha256: 'cd'.repeat(32) };
  const elsewhere = { ...thing, name: 'elsewhere', archive: 'debian-security' };
  const missing = await fetchPackages([thing, gone, forged, elsewhere], sources, join(dir, 'to'), context(dir));
  t.strictSame(missing.map(({ name }) => name).sort(), ['elsewhere', 'forged', 'gone']);
  t.strictSame(
    (await readdir(join(dir, 'to'))).filter((name) => name.endsWith('.deb')),
    [fileName(thing)],
  );
  const artifact = { name: 'packages', key: '', dir: join(dir, 'to'), sha256: {}, packages: [thing], deviations: [] };
  const entries = await unpackPackages(artifact, dir, context(dir));
  t.match(
    entries.map(({ kind, path, uid, gid }) => `${kind} ${path} ${uid}:${gid}`),
    ['directory usr 0:0', 'directory usr/bin 0:0', 'file usr/bin/thing 0:0'],
  );
});

t.test(
  'what an interrupted fetch has brought is not fetched again; half a file does not pass for a whole one',
  async (t) => {
    const dir = t.testdir({ package: PACKAGE, debian: {}, to: {} });
    const thing = await mirror(dir);
    // By copy:, since file: leaves links to the mirror.
    const sources = [{ uri: `copy:${dir}/debian`, suite: 'any', signedBy: undefined }];
    const file = join(dir, 'to', fileName(thing));
    await fetchPackages([thing], sources, join(dir, 'to'), context(dir));
    const bytes = await readFile(file);
    await rm(join(dir, 'debian/pool.deb'));
    t.same(await fetchPackages([thing], sources, join(dir, 'to'), context(dir)), [], 'no mirror is asked');
    await writeFile(file, bytes.subarray(0, 100));
    t.match(await fetchPackages([thing], sources, join(dir, 'to'), context(dir)), [{ name: 'thing' }]);
  },
);
