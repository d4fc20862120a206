// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline becomes the only one. The soak has the longer forms of both tests. */
import t from 'tap';
import { commitBegins, commitCutBegins, commitCutSteps } from './commits.js';
import { runText } from './cycle-support.js';

t.test('what the live timeline writes gets to the devices while programs write and read', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `${commitBegins}
  - run: { timeout: 60 s, command: snapctl take -c /dev/sdb1 commit.sh /mnt/ext4/file sdb sdb4 }
  - run: '! ls -d /sys/block/dm-[1-9]*'
  - suspend: { method: sys_snapshot, then: commit, beforeSaving: [echo committed > /root/said && sync] }
  - shutdown
  - boot
  - run: { command: cat /root/said, stdout: '^committed$' }
  - shutdown
`,
  );
  t.same(report.failures, []);
});

t.test('the next boot completes a commit that a loss of power has interrupted', async (t) => {
  const { report, outcome } = await runText(
    t.testdir({}),
    `${commitCutBegins}
${commitCutSteps('  ')}
  - run: { command: snapctl info /dev/sdb1, stdout: 'state: committed' }
  - shutdown
`,
  );
  t.same(report.failures, []);
  const said = new TextDecoder().decode(outcome.main.console);
  t.match(said, /the commit of snapshot \S+ is complete: [1-9]\d* chunks of 4 KiB were missing/);
});
