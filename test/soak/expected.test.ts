// SPDX-License-Identifier: MIT
/** Refusals and faults that a scenario expects, rightly and in vain. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { passing, runText } from '../e2e/cycle-support.js';

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
