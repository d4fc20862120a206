// SPDX-License-Identifier: MIT
/** What a scenario expects to go wrong is no finding, and what it expects in vain is one. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { passing, runText } from './cycle-support.js';

t.test('a program that segfaults on purpose, and errors of a disk', async (t) => {
  t.match(await passing('expected-faults'), { verdict: 'pass', failures: [] });
});

t.test('the same, where the scenario names other faults', async (t) => {
  const program = await readFile(packagePath('test', 'scenarios', 'programs', 'segfault.sh'), 'utf8');
  const { report } = await runText(
    t.testdir({ 'segfault.sh': program }),
    `name: other faults
control: false
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

t.test('suspends that the kernel must refuse, and one that it must not', async (t) => {
  t.match(await passing('expected-refusal'), { verdict: 'pass', failures: [] });
});

t.test('refused otherwise, and not refused', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: refused
control: false
console: { allow: ['^device-mapper: '] }
steps:
  - boot
  - run: mkswap /dev/sdb1 && swapon /dev/sdb1
  - suspend: { method: sys_snapshot, expect: { refused: 'no space', errno: ENOSPC } }
  - run: swapoff /dev/sdb1
  - suspend: { method: sys_snapshot, expect: { refused: 'busy', errno: EBUSY } }
  - shutdown
`,
  );
  t.match(report.failures, [
    {
      kind: 'guest',
      what: 'the suspend was refused with EBUSY, not ENOSPC, and with no message that matches /no space/',
    },
    { kind: 'guest', what: 'the suspend should have been refused (/busy/), but the machine suspended' },
  ]);
});

t.test('a suspend that exceeds its time names the key that allows more', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    'name: slow\ncontrol: false\nsteps: [boot, { suspend: { method: sys_snapshot, timeout: 5 ms } }, resume]\n',
  );
  t.match(report.failures, [
    {
      what: "the suspend did not end within 0.005 s of the guest's time",
      remedy: /`suspend: \{ timeout: 1 s \}`/,
    },
  ]);
});
