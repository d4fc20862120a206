// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { RigError } from '../../../emulator/machine/errors.js';
import { command } from '../../../emulator/host/node/process.js';
import { folderOf, obtain, recipeKey, type Recipe } from '../../../emulator/host/node/artifacts/store.js';

const CONTENT = 'content';
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

function contextIn(cacheDir: string, signal = new AbortController().signal) {
  return { cacheDir, signal, progress: () => undefined };
}

/** A recipe that counts its builds. */
function counting(name = 'thing', during?: (dir: string, scratch: string) => Promise<void>) {
  const builds: string[] = [];
  const recipe: Recipe = {
    name,
    inputs: { a: '1', b: new Uint8Array([1, 2]) },
    build: async (dir, scratch) => {
      builds.push(dir);
      await during?.(dir, scratch);
      await writeFile(join(dir, 'file'), CONTENT);
    },
  };
  return { recipe, builds };
}

t.test('the key depends on names and contents of the inputs, not on their order', async (t) => {
  const key = (inputs: Recipe['inputs']) => recipeKey({ name: 'n', inputs });
  t.equal(key({ a: '1', b: '2' }), key({ b: '2', a: '1' }));
  t.equal(key({ a: 'é' }), key({ a: new TextEncoder().encode('é') }));
  t.not(key({ a: '1', b: '2' }), key({ a: '12', b: '' }));
  t.not(key({ a: '1' }), key({ b: '1' }));
});

t.test('what is there is not built again, and nothing else is left in the cache', async (t) => {
  const context = contextIn(t.testdir());
  const { recipe, builds } = counting();
  const first = await obtain(recipe, context);
  const again = await obtain(recipe, context);
  t.equal(builds.length, 1);
  t.strictSame(again, first);
  t.equal(first.sha256['file'], SHA256);
  t.strictSame(await readdir(context.cacheDir), [`thing-${first.key}`]);
});

t.test('what another host has built is taken from the shared cache, which is only read', async (t) => {
  const dir = t.testdir({ own: {}, shared: {} });
  const shared = join(dir, 'shared');
  const { recipe, builds } = counting();
  const context = { ...contextIn(join(dir, 'own')), sharedCacheDir: shared };
  const { dir: built } = await obtain(recipe, contextIn(shared));
  t.match(await obtain(recipe, context), { dir: built, sha256: { file: SHA256 } });
  t.equal(folderOf(basename(built), context), built);
  t.same([builds.length, await readdir(context.cacheDir)], [1, []]);
  await writeFile(join(built, 'file'), 'cont');
  const own = await obtain(recipe, context);
  t.same([own.dir, builds.length], [join(context.cacheDir, basename(built)), 2], 'a damaged one is built here');
  t.equal(folderOf(basename(built), context), own.dir);
  t.equal(await readFile(join(built, 'file'), 'utf8'), 'cont');
});

t.test('asked for twice at once in one process, it is built once', async (t) => {
  const context = contextIn(t.testdir());
  const { recipe, builds } = counting();
  const [a, b] = await Promise.all([obtain(recipe, context), obtain(recipe, context)]);
  t.equal(builds.length, 1);
  t.strictSame(a, b);
});

t.test('what is missing, altered or torn is built again', async (t) => {
  const damages: Record<string, (dir: string) => Promise<void>> = {
    'file removed': (dir) => rm(join(dir, 'file')),
    'file shorter': (dir) => writeFile(join(dir, 'file'), 'cont'),
    'file of the same size altered': (dir) => writeFile(join(dir, 'file'), 'CONTENT'),
    'manifest removed': (dir) => rm(join(dir, 'manifest.json')),
    'manifest torn': (dir) => writeFile(join(dir, 'manifest.json'), '{"files":{"fi'),
    'folder removed': (dir) => rm(dir, { recursive: true }),
  };
  for (const [name, damage] of Object.entries(damages)) {
    const context = contextIn(t.testdir());
    const { recipe, builds } = counting();
    const { dir } = await obtain(recipe, context);
    await damage(dir);
    const healed = await obtain(recipe, context);
    t.equal(builds.length, 2, name);
    t.equal(healed.sha256['file'], SHA256);
    t.equal(await readFile(join(dir, 'file'), 'utf8'), CONTENT);
  }
});

t.test('a file that was only touched is hashed once and then known', async (t) => {
  const context = contextIn(t.testdir());
  const { recipe, builds } = counting();
  const { dir } = await obtain(recipe, context);
  await utimes(join(dir, 'file'), 1000, 1000);
  await obtain(recipe, context);
  t.equal(builds.length, 1);
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as {
    files: { file: { mtimeMs: number } };
  };
  t.equal(manifest.files.file.mtimeMs, 1_000_000);
});

t.test('a build that fails leaves the cache as it was', async (t) => {
  const context = contextIn(t.testdir());
  await obtain(counting('other').recipe, context);
  const before = await readdir(context.cacheDir, { recursive: true });
  const failing = counting('thing', async (dir, scratch) => {
    await writeFile(join(dir, 'half'), 'x');
    await writeFile(join(scratch, 'half'), 'x');
    throw new RigError('no luck');
  });
  await t.rejects(obtain(failing.recipe, context), { name: 'RigError', message: 'no luck' });
  t.strictSame(await readdir(context.cacheDir, { recursive: true }), before);
});

t.test('a full disk is told as such, whoever meets it', async (t) => {
  const meetings: Record<string, () => Promise<unknown>> = {
    ourselves: () => writeFile('/dev/full', 'x'),
    'a child process': () => command('sh', ['-c', 'cat /etc/passwd > /dev/full'], contextIn('/nowhere')),
    'through another error': () =>
      writeFile('/dev/full', 'x').catch((cause: unknown) => Promise.reject(new RigError('wrapped', { cause }))),
  };
  for (const [name, meet] of Object.entries(meetings)) {
    const context = contextIn(t.testdir());
    const { recipe } = counting('thing', async () => void (await meet()));
    await t.rejects(
      obtain(recipe, context),
      { name: 'RigError', message: /cache folder .* is full/, remedy: /SNAPBACK_CACHE/ },
      name,
    );
    t.strictSame(await readdir(context.cacheDir), [], name);
  }
});

t.test('a cache folder that cannot be written to is told as such', async (t) => {
  const folder = t.testdir({ file: '' });
  await t.rejects(obtain(counting().recipe, contextIn(join(folder, 'file'))), { message: /cannot/ });
  await t.rejects(obtain(counting().recipe, contextIn('/sys/snapback')), {
    name: 'RigError',
    message: /cannot write to the cache folder/,
  });
});

t.test('leftovers of killed processes go with the next build; those of living ones stay', async (t) => {
  const context = contextIn(t.testdir());
  const { key } = await obtain(counting('living').recipe, context);
  const living = `living-${key}.${process.pid}.partial`;
  const dead = 'gone-0123456789abcdef0123.999999999.scratch';
  for (const name of [living, dead]) await command('mkdir', [join(context.cacheDir, name)], context);
  await obtain(counting('next').recipe, context);
  const left = await readdir(context.cacheDir);
  t.ok(left.includes(living));
  t.notOk(left.includes(dead));
});

t.test('an aborted build ends its child processes', async (t) => {
  const controller = new AbortController();
  const context = contextIn(t.testdir(), controller.signal);
  let child = '';
  const recipe: Recipe = {
    name: 'slow',
    inputs: {},
    build: async () => {
      const running = command('sh', ['-c', 'sleep 1000 & echo $!; wait'], context, {
        onLine: (line) => {
          child = line;
          controller.abort(new Error('stop'));
        },
      });
      await running;
    },
  };
  await t.rejects(obtain(recipe, context), { message: 'stop' });
  t.match(child, /^\d+$/);
  await t.rejects(stat(`/proc/${child}/exe`), 'the grandchild is gone');
  t.strictSame(await readdir(context.cacheDir), []);
});
