// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { BISECT_OPTION, failureStatus, verdictStatus } from '../../../tools/cli/bisect-exit.js';

const SCRIPT = packagePath('tools', 'snapback.mjs');
const env = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' };

t.test('each verdict and each failure has its status', (t) => {
  t.same(
    (['not broken', 'broken', 'does not build', 'unfinished'] as const).map((verdict) => [
      verdictStatus(verdict, false),
      verdictStatus(verdict, true),
    ]),
    [
      [0, 0],
      [1, 1],
      [1, 125],
      [1, 203],
    ],
  );
  for (const status of [1, 2, 3]) {
    t.equal(failureStatus(status, ['validate', '--json', 'x']), status);
    t.equal(failureStatus(status, ['validate', BISECT_OPTION]), 200 + status);
  }
  t.equal(failureStatus(130, [BISECT_OPTION]), 130, 'Ctrl-C ends a bisection already');
  t.end();
});

t.test('a command that could not judge is no word about the commit', (t) => {
  const run = (args: readonly string[], more: object = {}): number | null =>
    spawnSync(process.execPath, [SCRIPT, ...args], { env, ...more }).status;
  const dir = t.testdir({ file: '' });
  t.equal(run(['validate', BISECT_OPTION, '--matirx', 'quick']), 202, 'an option that is wrong');
  t.equal(run(['validate', BISECT_OPTION]), 202, 'no patches');
  const full = openSync('/dev/full', 'w');
  t.equal(run(['validate', BISECT_OPTION, '--help'], { stdio: ['ignore', full, 'ignore'] }), 203, 'a full disk');
  closeSync(full);
  const broken = join(dir, 'broken.mjs');
  // Once the command listens for Ctrl-C, it is at work.
  writeFileSync(
    broken,
    'setInterval(() => { if (process.listenerCount("SIGINT")) throw new Error("a mistake"); }, 1);',
  );
  // By way of env: tap gives its child processes options for Node, too.
  const args = [`NODE_OPTIONS=--import ${broken}`, process.execPath, SCRIPT, 'validate', BISECT_OPTION];
  const { status, stderr } = spawnSync('env', args, { encoding: 'utf8' });
  t.match(stderr, /Error: a mistake/);
  t.equal(status, 203, 'an error that nobody expects');
  t.end();
});

t.test('git ends the bisection, and calls no commit bad', (t) => {
  const dir = t.testdir({ x: '0\n' });
  const git = (...args: string[]) =>
    spawnSync('git', ['-C', dir, '-c', 'user.name=A', '-c', 'user.email=a@b.c', ...args], { encoding: 'utf8', env });
  git('init', '-q');
  for (const content of ['1', '2', '3', '4']) {
    writeFileSync(join(dir, 'x'), `${content}\n`);
    execFileSync('git', ['-C', dir, 'add', 'x']);
    git('commit', '-q', '-m', content);
  }
  git('bisect', 'start', 'HEAD', 'HEAD~3');
  const command = [process.execPath, SCRIPT, 'validate', BISECT_OPTION, '--tree', '.', '--range', 'none..HEAD'];
  const { status, stdout, stderr } = git('bisect', 'run', ...command);
  t.not(status, 0);
  t.match(stderr, /cannot read the commits none\.\.HEAD/);
  t.match(stdout + stderr, /exit code 202 from/);
  t.notMatch(
    git('bisect', 'log').stdout,
    /^git bisect bad .*\n(?:[^]*)^git bisect bad/m,
    'only the one from the start',
  );
  t.end();
});
