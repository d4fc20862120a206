// SPDX-License-Identifier: MIT
/** Where commands write to: found out before the work, and told when it does not hold. */
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, openSync, readFileSync, symlinkSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { settleFiles, writeFiles } from '../../../tools/cli/report-files.js';

t.test('a report that could not be written is found out before the run', async (t) => {
  const dir = t.testdir({ old: 'x', folder: {} });
  await settleFiles({ json: join(dir, 'new'), junit: join(dir, 'old'), ktap: '-' });
  await t.rejects(settleFiles({ json: join(dir, 'nowhere', 'x') }), {
    name: 'InputError',
    message: /cannot write .*nowhere/,
    remedy: /existing folder/,
  });
  await t.rejects(settleFiles({ ktap: join(dir, 'folder') }), { name: 'InputError', message: /it is a folder/ });
  if (process.getuid?.() !== 0) {
    chmodSync(join(dir, 'old'), 0o400);
    await t.rejects(settleFiles({ console: join(dir, 'old') }), { name: 'InputError' });
  }
});

t.test('no two reports into one file, whatever it is called', async (t) => {
  const dir = t.testdir({ old: 'x', folder: {} });
  const at = (name: string): string => join(dir, name);
  linkSync(at('old'), at('hard'));
  symlinkSync('old', at('soft'));
  symlinkSync('new', at('dangling'));
  symlinkSync('folder', at('linked'));
  const pairs = [
    [at('new'), at('new')],
    [at('new'), at('./folder/../new')],
    [at('new'), at('dangling')],
    [at('old'), at('hard')],
    [at('old'), at('soft')],
    [at('folder/x'), at('linked/x')],
    ['-', '-'],
    ['-', '/dev/stdout'],
    ['/dev/stdout', '/proc/self/fd/1'],
  ];
  for (const [json, ktap] of pairs)
    await t.rejects(
      settleFiles({ json, ktap } as { json: string; ktap: string }),
      { name: 'InputError', message: /^--json and --ktap both name (the file|standard output)/ },
      `${json ?? ''} and ${ktap ?? ''}`,
    );
  await settleFiles({ json: at('new'), ktap: at('newer'), junit: at('folder/new'), console: '-' });
  await settleFiles({ json: '/dev/null', ktap: '/dev/null' });
});

t.test('no report goes into a file that the command reads', async (t) => {
  const dir = t.testdir({ 'a.yaml': 'name: a\nsteps: [boo]\n', soft: t.fixture('symlink', 'a.yaml') });
  const input = join(dir, 'a.yaml');
  for (const file of [input, join(dir, 'soft')])
    await t.rejects(settleFiles({ json: file }, [input]), {
      name: 'InputError',
      message: `--json would overwrite ${file}, a file that this command reads`,
      remedy: 'name another file for the report',
    });
  t.same(await settleFiles({ json: join(dir, 'new') }, [input, join(dir, 'missing')]), { json: join(dir, 'new') });
  const { status } = spawnSync(
    process.execPath,
    [packagePath('tools', 'snapback.mjs'), 'run', input, '--json', input],
    { env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' } },
  );
  t.equal(status, 2);
  t.match(readFileSync(input, 'utf8'), /^name: a/);
});

t.test('standard output by another name is standard output', async (t) => {
  t.same(await settleFiles({ json: '/dev/stdout', ktap: '/dev/null' }), { json: '-', ktap: '/dev/null' });
});

t.test('a report that cannot be written does not cost the others', async (t) => {
  const dir = t.testdir({});
  const writing = writeFiles([
    { file: '/dev/full', text: 'x' },
    { file: join(dir, 'b'), text: 'b' },
  ]);
  await t.rejects(writing, { name: 'RigError', message: 'cannot write /dev/full', cause: { code: 'ENOSPC' } });
  t.equal(readFileSync(join(dir, 'b'), 'utf8'), 'b');
});

t.test('output to a full disk: status 3 and a sentence', (t) => {
  const full = openSync('/dev/full', 'w');
  const run = (args: readonly string[], stdio: ['ignore', number | 'pipe', number | 'pipe']) =>
    spawnSync(process.execPath, [packagePath('tools', 'snapback.mjs'), ...args], {
      stdio,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
    });
  for (const args of [['doctor'], ['--help'], ['--version']]) {
    const { status, stderr } = run(args, ['ignore', full, 'pipe']);
    t.equal(status, 3, args.join(' '));
    t.equal(stderr, 'snapback: cannot write to standard output\n  because: ENOSPC: no space left on device, write\n');
  }
  t.equal(run(['run', '/nowhere.yaml'], ['ignore', 'pipe', full]).status, 3, 'the error output');
  t.equal(run(['run', '/nowhere.yaml'], ['ignore', full, full]).status, 3, 'both');
  closeSync(full);
  t.end();
});
