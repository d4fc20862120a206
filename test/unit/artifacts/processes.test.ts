// SPDX-License-Identifier: MIT
/** The store between processes: they wait for one another, outlive one another's death, and clean up when interrupted. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import t from 'tap';

const program = join(t.testdir(), 'obtain.mjs');
await build({
  entryPoints: ['test/unit/artifacts/fixtures/obtain.ts'],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2023',
});

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise<{ status: number | null; stdout: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, stdout })),
  );
  return { child, ended };
}

/** A process number that nobody has any more. */
function deadPid(): number {
  return spawnSync('true').pid;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error('waited in vain');
}

const linesOf = async (path: string): Promise<readonly string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

t.test('several processes build one artifact once', async (t) => {
  const dir = t.testdir({ cache: {} });
  const runs = Array.from({ length: 4 }, () => start(join(dir, 'cache'), join(dir, 'log')).ended);
  const results = await Promise.all(runs);
  t.equal(new Set(results.map(({ stdout }) => stdout)).size, 1);
  t.ok(results.every(({ status }) => status === 0));
  t.equal((await linesOf(join(dir, 'log'))).length, 1);
  t.equal((await readdir(join(dir, 'cache'))).length, 1);
});

t.test('the lock of a dead process is taken over by exactly one', async (t) => {
  const dir = t.testdir({ cache: {}, 'cache-0': {} });
  const first = await start(join(dir, 'cache-0'), join(dir, 'log-0')).ended;
  t.equal(first.status, 0);
  const [name = ''] = await readdir(join(dir, 'cache-0'));
  const dead = deadPid();
  await writeFile(join(dir, 'cache', `${name}.lock`), `${dead} 12345 0`);
  await mkdir(join(dir, 'cache', `${name}.${dead}.partial`));
  const results = await Promise.all(Array.from({ length: 4 }, () => start(join(dir, 'cache'), join(dir, 'log')).ended));
  t.ok(results.every(({ status }) => status === 0));
  t.equal((await linesOf(join(dir, 'log'))).length, 1);
  t.strictSame(await readdir(join(dir, 'cache')), [name]);
});

t.test('a process number that was given anew does not hold the lock of its former owner', async (t) => {
  const dir = t.testdir({ cache: {}, 'cache-0': {} });
  await start(join(dir, 'cache-0'), join(dir, 'log-0')).ended;
  const [name = ''] = await readdir(join(dir, 'cache-0'));
  await writeFile(join(dir, 'cache', `${name}.lock`), `${process.pid} 1 0`);
  t.equal((await start(join(dir, 'cache'), join(dir, 'log')).ended).status, 0);
});

t.test('Ctrl-C ends the build, its children and its children’s children, and leaves nothing', async (t) => {
  const dir = t.testdir({ cache: {} });
  const log = join(dir, 'log');
  const { child, ended } = start(join(dir, 'cache'), log, 'hang');
  await until(async () => (await linesOf(log)).length === 3);
  const [, grandchild, shell] = await linesOf(log);
  t.ok(existsSync(`/proc/${grandchild}`));
  child.kill('SIGINT');
  t.equal((await ended).status, 130);
  await until(() => !existsSync(`/proc/${grandchild}`) && !existsSync(`/proc/${shell}`));
  t.strictSame(await readdir(join(dir, 'cache')), []);
});

t.test('a build whose process was killed outright is taken up by the next', async (t) => {
  const dir = t.testdir({ cache: {} });
  const log = join(dir, 'log');
  const { child, ended } = start(join(dir, 'cache'), log, 'hang');
  await until(async () => (await linesOf(log)).length === 3);
  const [, grandchild, shell] = await linesOf(log);
  child.kill('SIGKILL');
  await ended;
  for (const pid of [grandchild, shell]) process.kill(Number(pid), 'SIGKILL');
  t.ok((await readdir(join(dir, 'cache'))).length > 1, 'it left its lock and its folders');
  t.equal((await start(join(dir, 'cache'), log).ended).status, 0);
  t.equal((await readdir(join(dir, 'cache'))).length, 1);
});
