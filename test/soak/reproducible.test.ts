// SPDX-License-Identifier: MIT
/** Whoever builds it, wherever: the same sources give the same bytes. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import { obtainDisk, obtainInitramfs } from '../../disk-images/build.js';
import { filesDiffering, smallKernelTwice } from '../../guest-kernel/rebuild.js';
import { context } from '../e2e/cycle-support.js';

const SHA256 = /^[0-9a-f]{64}$/;

t.test('a kernel that is built a second time, in another folder, interrupted and continued, is the same', async (t) => {
  const builds = await smallKernelTwice(context);
  t.same(filesDiffering(builds), []);
  for (const { first, second } of Object.values(builds)) for (const digest of [first, second]) t.match(digest, SHA256);
});

t.test('so are guest programs, initramfs and disks, from the same packages', async (t) => {
  const first = {
    initramfs: await obtainInitramfs(context),
    root: await obtainDisk('root', context),
    stores: await obtainDisk('stores', context),
  };
  const cacheDir = await mkdtemp(join(tmpdir(), 'snapback-again-'));
  t.teardown(() => rm(cacheDir, { recursive: true, force: true }));
  // The packages need not be fetched once more.
  for (const name of await readdir(context.cacheDir))
    if (/^packages-[0-9a-f]{20}$/.test(name))
      await cp(join(context.cacheDir, name), join(cacheDir, name), { recursive: true });
  const elsewhere = { ...context, cacheDir };
  const again = {
    initramfs: await obtainInitramfs(elsewhere),
    root: await obtainDisk('root', elsewhere),
    stores: await obtainDisk('stores', elsewhere),
  };
  for (const name of ['initramfs', 'root', 'stores'] as const) {
    t.not(again[name].path, first[name].path);
    t.equal(basename(again[name].dir), basename(first[name].dir), `${name}: the same inputs`);
    t.equal(again[name].sha256, first[name].sha256, `${name}: the same bytes`);
  }
});
