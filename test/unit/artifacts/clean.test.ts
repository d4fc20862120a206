// SPDX-License-Identifier: MIT
/** Making room in a cache: what is needed stays, and nobody's work is disturbed. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cleanCache, type CleanRequest } from '../../../emulator/host/node/artifacts/clean.js';
import { lockFile } from '../../../emulator/host/node/artifacts/lock.js';
import { lookAtCache, lookAtFolder } from '../../../emulator/host/node/artifacts/room.js';
import { obtain } from '../../../emulator/host/node/artifacts/store.js';

const signal = new AbortController().signal;
const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();

async function cache(dir: string): Promise<{ request: CleanRequest; names: Record<'needed' | 'old', string> }> {
  const context = { cacheDir: dir, signal, progress: () => undefined };
  const make = async (name: string): Promise<string> => {
    const { key } = await obtain(
      { name, inputs: {}, build: (into) => writeFile(join(into, 'file'), 'x'.repeat(10_000)) },
      context,
    );
    return `${name}-${key}`;
  };
  const names = { needed: await make('needed'), old: await make('kernel-x86_64-old') };
  await mkdir(join(dir, 'checkpoints'));
  for (const [name, hours] of [
    ['young', 1],
    ['aged', 30],
  ] as const) {
    const path = join(dir, 'checkpoints', name);
    await writeFile(path, 'checkpoint');
    await utimes(path, (NOW_MS - hours * HOUR_MS) / 1000, (NOW_MS - hours * HOUR_MS) / 1000);
  }
  await mkdir(join(dir, 'remembered'));
  await writeFile(join(dir, 'remembered', 'linux-source.json'), '{}');
  await writeFile(join(dir, 'README'), "somebody's own");
  const request = {
    cacheDir: dir,
    keep: new Set([names.needed]),
    dryRun: false,
    checkpointAgeMs: 24 * HOUR_MS,
    nowMs: NOW_MS,
  };
  return { request, names };
}

t.test('what is not needed goes, and is told first', async (t) => {
  const dir = t.testdir({});
  const { request, names } = await cache(dir);
  const foretold = await cleanCache({ ...request, dryRun: true });
  t.same(
    foretold.removed.map(({ name }) => name),
    [names.old, 'checkpoints/aged'],
  );
  t.ok(foretold.bytes >= 10_000 && foretold.keptBytes >= 10_000);
  t.same(
    (await readdir(dir)).sort(),
    ['README', 'checkpoints', 'remembered', names.needed, names.old].sort(),
    'a dry run removes nothing',
  );
  t.same(await cleanCache(request), foretold);
  t.same((await readdir(dir)).sort(), ['README', 'checkpoints', 'remembered', names.needed].sort());
  t.same(await readdir(join(dir, 'checkpoints')), ['young']);
  await cleanCache({ ...request, keep: 'nothing' });
  t.same((await readdir(dir)).sort(), ['README', 'checkpoints'], 'all of ours, and nothing of others');
  t.same(await readdir(join(dir, 'checkpoints')), []);
});

t.test('nothing is removed while a process builds', async (t) => {
  const dir = t.testdir({});
  const { request } = await cache(dir);
  const before = await readdir(dir);
  const release = await lockFile(join(dir, 'kernel-release-0123456789abcdef0123.lock'), signal, () => undefined);
  await t.rejects(cleanCache({ ...request, keep: 'nothing' }), {
    name: 'RigError',
    message: new RegExp(`process ${process.pid} is building kernel-release`),
    remedy: /nothing was removed/,
  });
  t.ok((await cleanCache({ ...request, keep: 'nothing', dryRun: true })).removed.length > 0, 'what would go is told');
  await release();
  t.same(await readdir(dir), before);
});

t.test('locks and halves of killed builds go', async (t) => {
  const dir = t.testdir({});
  const { request } = await cache(dir);
  const dead = spawnSync('true').pid;
  const name = 'kernel-release-0123456789abcdef0123';
  await writeFile(join(dir, `${name}.lock`), `${dead} 12345 0`);
  await writeFile(join(dir, `${name}.lock.${dead}-0`), `${dead} 12345 0`);
  await mkdir(join(dir, `${name}.${dead}.partial`));
  await cleanCache(request);
  t.same(
    (await readdir(dir)).filter((one) => one.startsWith('kernel')),
    [],
  );
});

t.test('a cache that is not there is clean', async (t) => {
  t.match(
    await cleanCache({
      cacheDir: join(t.testdir({}), 'nowhere'),
      keep: 'nothing',
      dryRun: false,
      checkpointAgeMs: 0,
      nowMs: 0,
    }),
    { removed: [], bytes: 0 },
  );
});

t.test('looking for an artifact builds nothing', async (t) => {
  const dir = t.testdir({});
  const looked: string[] = [];
  const context = { cacheDir: dir, signal, progress: () => undefined, look: (path: string) => void looked.push(path) };
  await t.rejects(obtain({ name: 'thing', inputs: {}, build: () => t.fail('built') as never }, context), {
    message: /thing is not in the cache/,
  });
  t.match(looked, [/\/thing-[0-9a-f]{20}$/]);
  t.same(await readdir(dir), []);
});

t.test('folders: whether they can be written, and how much fits', async (t) => {
  const dir = t.testdir({});
  const state = await lookAtCache(join(dir, 'not', 'yet'));
  t.match(state, { problem: undefined, dir: join(dir, 'not', 'yet') });
  t.ok(state.freeBytes > 0 && state.neededBytes > 1e9);
  t.same(await readdir(dir), [], 'looking leaves nothing behind');
  await mkdir(join(dir, 'kernel-release-0123456789abcdef0123'));
  t.ok((await lookAtCache(dir)).neededBytes < state.neededBytes, 'what is built needs no room any more');
  t.match((await lookAtFolder('/proc/nowhere', 1)).problem, /ENOENT|EACCES|EROFS/);
});
