// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { RigError } from '../../../emulator/machine/errors.js';
import { obtainUserspace } from '../../../guest-kernel/userspace/build.js';
import { defaultCacheDir } from '../../../emulator/host/node/artifacts/context.js';
import { run } from './fixtures/programs.js';

const context = (cacheDir: string) => ({ cacheDir, progress: () => undefined, signal: new AbortController().signal });

test('two builds in different places give the same bytes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'snapback-build-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const first = await obtainUserspace(context(defaultCacheDir()));
  const second = await obtainUserspace(context(join(dir, 'another-place')));
  t.not(first.dir, second.dir);
  t.same(first.sha256, second.sha256);
  for (const program of ['initramfs-init', 'rig-agent', 'rig-init', 'rig-marker', 'selfcheck', 'snapctl']) {
    t.match(first.sha256[`bin/${program}`], /^[0-9a-f]{64}$/, program);
  }
});

test('a missing compiler is named together with its packages', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'snapback-build-'));
  const path = process.env['PATH'];
  t.teardown(() => {
    process.env['PATH'] = path;
    rmSync(dir, { recursive: true });
  });
  process.env['PATH'] = dir;
  const attempt = obtainUserspace(context(join(dir, 'cache')));
  await t.rejects(attempt, RigError);
  await t.rejects(attempt, { message: /i686-linux-gnu-gcc/, remedy: /gcc-i686-linux-gnu libc6-dev-i386-cross/ });
  await t.rejects(obtainUserspace(context(join(dir, 'cache')), 'x86_64'), {
    message: /x86_64-linux-gnu-gcc/,
    remedy: /install (?:gcc libc6-dev|gcc-x86-64-linux-gnu libc6-dev-amd64-cross)$/,
  });
});

test('the programs refuse wrong use', async (t) => {
  t.match(run('rig-marker'), { status: 2, stderr: /^usage:/ });
  t.match(run('rig-marker', '4096'), { status: 2, stderr: /'4096' is not a number from 0 to 4095/ });
  t.match(run('rig-marker', '1', 'x'), { status: 2 });
  t.match(run('rig-agent'), { status: 2, stderr: /^usage:/ });
  t.match(run('rig-agent', '/dev/no-such-line'), { status: 1, stderr: /no-such-line: No such file/ });
  t.match(run('rig-init'), { status: 2, stderr: /runs as process 1 only/ });
  const folder = '/'.padEnd(256, 'x');
  t.match(run('smb-serve', folder), { status: 2, stderr: /the folder has 256 bytes, .* at most 255: use a shorter/ });
  t.match(run('initramfs-init'), { status: 2, stderr: /runs as process 1 only/ });
});
