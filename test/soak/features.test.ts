// SPDX-License-Identifier: MIT
/** Self-checks that hosts may have to skip, and stacks that write by themselves, which the stock kernel does not stop. */
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { passing, runText } from '../e2e/cycle-support.js';

t.test('self-checks that hosts may have to skip are ready in the guest, and notice what is spoilt', async (t) => {
  t.match(await passing('checks-notice'), { verdict: 'pass', failures: [] });
});

// What these write by themselves, the stock kernel does not stop: superblocks of md, journals of bcache and dm-integrity.
t.test(
  'checksums with a journal, a mirror and bcache keep their data, and the disk proof sees them write',
  async (t) => {
    const all = 'integrity mirror bcache';
    const { report } = await runText(
      t.testdir({}),
      `name: active stacks
disks: [root, stacks]
machine: { memory: 128 MiB, seed: 1 }
control: false
files:
  - { from: ${packagePath('test', 'scenarios', 'programs', 'stacks.sh')}, to: /usr/bin/stacks, mode: '0755' }
steps:
  - boot
  - run: JOURNAL=J CACHE=writeback stacks make ${all} && stacks load ${all}
  - suspend: { method: swsusp, offTime: 1 h }
  - resume
  - verify
  - run: stacks check ${all} && stacks end ${all} && stacks fsck ${all}
  - run: { command: cat /proc/mdstat, stdout: '\[UU\]' }
  - shutdown
`,
    );
    t.match(report.failures, [{ kind: 'disk' }]);
    t.equal(report.failures.length, 1, 'nothing else is found');
    for (const line of report.failures[0]?.details ?? []) t.match(line, /^sdb(9|1[0-3]): |^\.\.\. and \d+ more/);
  },
);
