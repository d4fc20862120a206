// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { BISECT_OPTION, failureStatus, verdictStatus } from '../../../tools/cli/bisect-exit.js';
import { main } from '../../../tools/cli/main.js';

const SCRIPT = packagePath('tools', 'snapback.mjs');
/** Once the command listens for Ctrl-C, it is at work. */
const BROKEN = 'setInterval(() => { if (process.listenerCount("SIGINT")) throw new Error("a mistake"); }, 1);';
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

/** The command line in this process: its status, and what it says. */
async function run(t: Test, ...args: string[]): Promise<{ readonly status: number; readonly said: string }> {
  const written = t.capture(process.stderr, 'write', () => true);
  const logged = t.capture(console, 'error', () => undefined);
  try {
    const status = await main(args);
    return { status, said: [...written.args(), ...logged.args()].flat().map(String).join('\n') };
  } finally {
    written.restore();
    logged.restore();
  }
}

/** Takes back what the command line adds to the output streams. */
function keepListeners(t: Test): void {
  for (const stream of [process.stdout, process.stderr]) {
    const before = stream.listeners('error');
    t.teardown(() => {
      for (const one of stream.listeners('error'))
        if (!before.includes(one)) stream.removeListener('error', one as () => void);
    });
  }
}

t.test('a command that could not judge is no word about the commit', async (t) => {
  keepListeners(t);
  t.match(await run(t, 'validate', BISECT_OPTION, '--matirx', 'quick'), { status: 202, said: /--matirx/ });
  t.match(await run(t, 'validate', BISECT_OPTION), { status: 202, said: /nothing to validate is named/ });
  t.match(await run(t, 'validate', BISECT_OPTION, '--tree', t.testdir({}), '--range', 'none..HEAD'), {
    status: 202,
    said: /cannot read the commits none\.\.HEAD/,
  });
  t.match(await run(t, 'validate'), { status: 2, said: /nothing to validate is named/ });
});

t.test('neither is one that could not say what it has found', async (t) => {
  keepListeners(t);
  const on = t.capture(process, 'on', () => process);
  await run(t, 'validate', BISECT_OPTION);
  process.stderr.emit('error', Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  const calls: readonly (readonly unknown[])[] = on.args();
  on.restore();
  const [, atExit] = calls.find(([event]) => event === 'exit') ?? [];
  (atExit as () => void)();
  t.equal(process.exitCode, 203);
  process.exitCode = undefined;
});

t.test('git ends the bisection, and calls no commit bad, also after an error that nobody expects', (t) => {
  const dir = t.testdir({ 'broken.mjs': BROKEN });
  const git = (...args: readonly string[]): string => {
    const config = ['-C', dir, '-c', 'user.name=A', '-c', 'user.email=a@b.c'];
    const { stdout, stderr } = spawnSync('git', [...config, ...args], { encoding: 'utf8', env });
    return stdout + stderr;
  };
  git('init', '-q');
  for (const subject of ['good', 'middle', 'bad']) git('commit', '-q', '--allow-empty', '-m', subject);
  git('bisect', 'start', 'HEAD', 'HEAD~2');
  // By way of env: tap gives its child processes options for Node, too.
  const node = ['env', `NODE_OPTIONS=--import ${join(dir, 'broken.mjs')}`, process.execPath];
  const said = git('bisect', 'run', ...node, SCRIPT, 'validate', BISECT_OPTION);
  t.match(said, /Error: a mistake/);
  t.match(said, /exit code 203 from/);
  t.notMatch(git('bisect', 'log'), /^git bisect (?:good|bad|skip)/m);
  t.end();
});
