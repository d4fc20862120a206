// SPDX-License-Identifier: MIT
/** What a scenario expects to go wrong is no finding, and what it expects in vain is one. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText, snapback } from './cycle-support.js';

const scenario = (name: string): string => packagePath('test', 'scenarios', `${name}.yaml`);

t.test('a program that segfaults on purpose, and errors of a disk', async (t) => {
  const { status, stdout, stderr } = await snapback(['run', scenario('expected-faults')]);
  t.equal(status, 0, stdout + stderr);
});

t.test('the same, where the scenario names other faults', async (t) => {
  const program = await readFile(packagePath('test', 'scenarios', 'programs', 'segfault.sh'), 'utf8');
  const { report } = await runText(
    t.testdir({ 'segfault.sh': program }),
    `name: other faults
files: [{ from: ./segfault.sh, to: /root/segfault.sh, mode: '0755' }]
console: { expect: ['^segfault.* at 4 '], allow: ['^victim'] }
steps: [boot, { run: { command: cd /root && ./segfault.sh && ./segfault, exit: 139 } }, shutdown]
`,
  );
  t.match(report.failures, [
    { kind: 'kernelFault', what: /^segfault: segfault\[\d+\]: segfault at 0 / },
    { kind: 'console', what: 'no line of the console matches /^segfault.* at 4 /, which the scenario expects' },
  ]);
});
