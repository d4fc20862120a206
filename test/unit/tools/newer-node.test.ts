// SPDX-License-Identifier: MIT
/** What somebody with an old Node meets. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

const OLD = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })`;
const newer = pathToFileURL('tools/newer-node.mjs').href;

t.test('where no newer Node can be had, it says what to do, in a sentence and without a stack', async (t) => {
  const root = t.testdir({});
  const program = `const m = await import(${JSON.stringify(newer)}); if (m.isNodeNewEnough()) throw new Error('new'); await m.runAgainOnNewerNode(${JSON.stringify(root)}).catch((error) => { console.error(error.message); process.exit(3); });`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', OLD, '--input-type=module', '-e', program], {
    env: { PATH: '/nonexistent' },
    encoding: 'utf8',
  });
  t.equal(status, 3);
  t.match(
    stderr,
    /needs Node 20 or newer; this is 18\.20\.4[^]*because: [^]*what to do: npm install --global n && n 22/,
  );
  t.notMatch(stderr, /^ +at /m);
});

t.test('a newer Node that is there runs the command, and its status is the command’s', async (t) => {
  const name = `node-${process.platform}-${process.arch}`;
  const root = t.testdir({
    '.node': { '22.23.3': { node_modules: { [name]: { bin: { node: t.fixture('symlink', process.execPath) } } } } },
    'command.mjs': '',
  });
  const command = join(root, 'command.mjs');
  await writeFile(
    command,
    `const m = await import(${JSON.stringify(newer)}); if (!m.isNodeNewEnough()) await m.runAgainOnNewerNode(${JSON.stringify(root)}); console.log(process.argv[2]); process.exit(5);`,
  );
  const { status, stdout } = spawnSync(process.execPath, ['--import', OLD, command, 'word'], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  });
  t.equal(status, 5);
  t.equal(stdout, 'word\n');
});

t.test('where the package belongs to somebody else, a newer Node is in the cache', async (t) => {
  const name = `node-${process.platform}-${process.arch}`;
  const dir = t.testdir({
    cache: {
      node: { '22.23.3': { node_modules: { [name]: { bin: { node: t.fixture('symlink', process.execPath) } } } } },
    },
    'command.mjs': '',
  });
  const command = join(dir, 'command.mjs');
  // No folder can be made in /proc, not even by root.
  await writeFile(
    command,
    `const m = await import(${JSON.stringify(newer)}); if (!m.isNodeNewEnough()) await m.runAgainOnNewerNode('/proc/self/task'); process.exit(5);`,
  );
  const { status, stderr } = spawnSync(process.execPath, ['--import', OLD, command], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', SNAPBACK_CACHE: join(dir, 'cache') },
  });
  t.equal(status, 5, stderr);
});

t.test('npm is quoted without its stack', async (t) => {
  const { whatNpmSays } = await import('../../../tools/newer-node.mjs');
  t.equal(
    whatNpmSays(
      "npm error code E\nnpm error     at f (x.js:1)\nnpm error {\nnpm error   code: 'E',\nnpm error }\nnpm error\n",
    ),
    'npm error code E',
  );
});
