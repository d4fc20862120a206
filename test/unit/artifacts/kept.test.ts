// SPDX-License-Identifier: MIT
/** An interrupted build is gone on with: what it had done stays, for as long as it is of use, and no longer. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cleanCache } from '../../../emulator/host/node/artifacts/clean.js';
import { keptFor, keptPath } from '../../../emulator/host/node/artifacts/kept.js';
import { obtain, recipeKey, removeLeftovers, type Recipe } from '../../../emulator/host/node/artifacts/store.js';
import { command } from '../../../emulator/host/node/process.js';
import { RigError } from '../../../emulator/machine/errors.js';

const DAY_MS = 24 * 3_600_000;

/** A build by make of two files, of which the second one waits until `go` is there. Each step notes that it ran. */
const MAKEFILE = `all: first second
first:
	echo first >> $(LOG)
	echo 1 > first
second: first
	echo second >> $(LOG)
	while ! [ -e $(GO) ]; do sleep 0.05; done
	echo 2 > second
`;

function bench(dir: string) {
  const log = join(dir, 'log');
  const go = join(dir, 'go');
  const cacheDir = join(dir, 'cache');
  const lines = (): readonly string[] => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  const recipe: Recipe = {
    name: 'made',
    inputs: { of: '1' },
    build: async (to, _scratch, { signal }, kept) => {
      const tree = await kept.folder('tree', async (fresh) => {
        await writeFile(log, 'prepared\n', { flag: 'a' });
        await writeFile(join(fresh, 'Makefile'), MAKEFILE);
      });
      await command('make', [`LOG=${log}`, `GO=${go}`], { signal }, { cwd: tree, lock: kept.lock });
      for (const name of ['first', 'second']) await rename(join(tree, name), join(to, name));
    },
  };
  const start = (signal: AbortSignal) => obtain(recipe, { cacheDir, signal, progress: () => undefined });
  return { log, go, cacheDir, recipe, lines, start, place: join(cacheDir, `made-${recipeKey(recipe)}`) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test('what was done before an interruption is not done again, and nothing is left in the end', async (t) => {
  const { go, cacheDir, lines, start, place } = bench(t.testdir({ cache: {} }));
  const interruption = new AbortController();
  const first = start(interruption.signal);
  await until(() => lines().includes('second'));
  interruption.abort(new Error('stop'));
  await t.rejects(first, { message: 'stop' });
  t.same(
    await readdir(cacheDir),
    [keptPath(place).slice(cacheDir.length + 1)],
    'the unfinished work stays, and no lock',
  );

  await writeFile(go, '');
  const { sha256 } = await start(new AbortController().signal);
  t.same(lines(), ['prepared', 'first', 'second', 'second'], 'what make had done, it did not do again');
  t.same(Object.keys(sha256).sort(), ['first', 'second']);
  t.same(await readdir(cacheDir), [place.slice(cacheDir.length + 1)]);
});

t.test('a build that fails by itself leaves nothing to go on with, unless it checks what it finds', async (t) => {
  const context = { cacheDir: t.testdir({}), signal: new AbortController().signal, progress: () => undefined };
  const failing = (name: string, message: string, more: object): Recipe => ({
    name,
    inputs: {},
    build: async (_dir, _scratch, _context, kept) => {
      await kept.folder('half');
      throw new RigError(message);
    },
    ...more,
  });
  const kept = async (): Promise<readonly (string | undefined)[]> =>
    (await readdir(context.cacheDir)).map((name) => keptFor(name)?.replace(/-[0-9a-f]+$/, ''));
  await t.rejects(obtain(failing('plain', 'no luck', {}), context), { message: 'no luck' });
  t.same(await kept(), []);
  await t.rejects(obtain(failing('checked', 'no network', { keepsAfterFailure: true }), context));
  t.same(await kept(), ['checked']);
  await t.rejects(obtain(failing('full', 'No space left on device', { keepsAfterFailure: true }), context));
  t.same(await kept(), ['checked'], 'where the disk is full, room is made');
});

t.test('a build that cannot be continued starts again', async (t) => {
  const cacheDir = t.testdir({});
  const signal = new AbortController().signal;
  let builds = 0;
  const recipe: Recipe = {
    name: 'torn',
    inputs: { of: '1' },
    build: async (to, _scratch, _context, kept) => {
      builds++;
      const tree = await kept.folder('tree', (fresh) => writeFile(join(fresh, 'part'), 'whole'));
      if (readFileSync(join(tree, 'part'), 'utf8') !== 'whole') throw new RigError('a part is cut off');
      await writeFile(join(to, 'made'), 'made');
    },
  };
  const place = join(cacheDir, `torn-${recipeKey(recipe)}`);
  await mkdir(join(keptPath(place), 'tree'), { recursive: true });
  await writeFile(join(keptPath(place), 'tree', 'part'), 'wh');
  const said: string[] = [];
  const { dir } = await obtain(recipe, { cacheDir, signal, progress: (what) => said.push(what) });
  t.equal(builds, 2);
  t.equal(readFileSync(join(dir, 'made'), 'utf8'), 'made');
  t.match(said, [/the interrupted build cannot be continued/]);
  t.same(await readdir(cacheDir), [`torn-${recipeKey(recipe)}`]);
});

t.test('what is left of a removal that was interrupted goes with the next build', async (t) => {
  const key = '0123456789abcdef0123';
  const rest = `made-${key}.${'0'.repeat(32)}.kept.4194305.partial`;
  const cacheDir = t.testdir({ [rest]: { linux: {} } });
  await removeLeftovers(cacheDir);
  t.same(await readdir(cacheDir), []);
});

t.test('programs of a build that was killed finish before the next one begins', async (t) => {
  const { go, lines, start, place, log } = bench(t.testdir({ cache: {} }));
  // As a killed process leaves it: its make lives on, holding the lock of the tree.
  await mkdir(join(keptPath(place), 'tree'), { recursive: true });
  await writeFile(join(keptPath(place), 'tree/Makefile'), MAKEFILE);
  const orphan = spawn('flock', [join(keptPath(place), 'lock'), 'make', `LOG=${log}`, `GO=${go}`], {
    cwd: join(keptPath(place), 'tree'),
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => orphan.on('close', resolve));
  await until(() => lines().includes('second'));
  const next = start(new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.same(lines(), ['first', 'second'], 'the next one waits');
  await writeFile(go, '');
  t.equal(await ended, 0);
  await next;
  t.same(lines(), ['first', 'second'], 'and finds all done');
});

t.test(
  'unfinished work goes: of another boot of the host, of yesterday, and what clean finds no need for',
  async (t) => {
    const cacheDir = t.testdir({});
    const context = { cacheDir, signal: new AbortController().signal, progress: () => undefined };
    const key = '0123456789abcdef0123';
    const folders = {
      now: keptPath(join(cacheDir, `now-${key}`)),
      yesterday: keptPath(join(cacheDir, `yesterday-${key}`)),
      otherBoot: join(cacheDir, `boot-${key}.${'0'.repeat(32)}.kept`),
    };
    const there = (): readonly string[] =>
      Object.entries(folders).flatMap(([name, path]) => (existsSync(path) ? [name] : []));
    const makeAll = async (): Promise<void> => {
      for (const path of Object.values(folders)) {
        await mkdir(join(path, 'tree'), { recursive: true });
        await writeFile(join(path, 'tree/file'), 'x'.repeat(10_000));
      }
      await utimes(folders.yesterday, (Date.now() - DAY_MS) / 1000 - 60, (Date.now() - DAY_MS) / 1000 - 60);
    };
    const recipe: Recipe = { name: 'other', inputs: {}, build: (dir) => writeFile(join(dir, 'file'), '') };
    await makeAll();
    const { key: other } = await obtain(recipe, context);
    t.same(there(), ['now'], 'with the next build of whatever');

    await makeAll();
    const request = { cacheDir, dryRun: false, checkpointAgeMs: DAY_MS, nowMs: Date.now() };
    const needed = new Set([`other-${other}`, `now-${key}`]);
    const foretold = await cleanCache({ ...request, keep: needed, dryRun: true });
    t.same(there(), ['now', 'yesterday', 'otherBoot']);
    t.same(await cleanCache({ ...request, keep: needed }), foretold);
    t.ok(foretold.keptBytes >= 10_000, 'what the present sources go on with counts as needed');
    t.same(there(), ['now']);
    const { removed } = await cleanCache({ ...request, keep: 'nothing' });
    t.equal(removed.length, 2);
    t.same(await readdir(cacheDir), []);
  },
);
