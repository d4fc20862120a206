// SPDX-License-Identifier: MIT
/** Who the user is, by the configuration of real git. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { testerIn } from '../../../tools/run/tester.js';

t.test('name and address are those of git, or nobody is named', async (t) => {
  const dir = t.testdir({ tree: {}, config: '' });
  const env = { GIT_CONFIG_GLOBAL: join(dir, 'config'), GIT_CONFIG_NOSYSTEM: '1' };
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  t.teardown(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  Object.assign(process.env, env);
  const tree = join(dir, 'tree');
  const git = (...args: string[]): unknown => execFileSync('git', ['-C', tree, ...args], { stdio: 'pipe' });
  git('init', '-q');
  t.equal(await testerIn(tree), undefined);
  git('config', '--global', 'user.name', 'A. Tester');
  t.equal(await testerIn(tree), undefined, 'without an address');
  git('config', 'user.email', 'a@tester.example');
  t.same(await testerIn(tree), { name: 'A. Tester', mail: 'a@tester.example' });
  t.equal(await testerIn(join(dir, 'absent')), undefined, 'git does not start');
});
