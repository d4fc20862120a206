// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline becomes the only one, again and again, and however often the power goes. */
import t from 'tap';
import { commitBegins, commitCutBegins, commitCutSteps } from '../e2e/commits.js';
import { runText } from '../e2e/cycle-support.js';

t.test('what the live timeline writes gets to the devices while programs write and read', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `${commitBegins}
  - run: { command: SNAPSHOT_FD=0 snapctl commit 2>&1 < /dev/null, exit: 1, stdout: 'Inappropriate ioctl for device; boot a kernel' }
  - run: { timeout: 60 s, command: snapctl take -c /dev/sdb1 commit.sh /mnt/ext4/file sdb sdb4 }
  - run: { timeout: 60 s, command: snapctl take sh -c 'echo committed > /root/said && commit.sh /mnt/ext4/file sdb sdb4' }
  - run: '! ls -d /sys/block/dm-[1-9]*'
  - run:
      timeout: 60 s
      command: |
        mkdir -p /media && snapctl take -c /dev/sdb1 sh -c '
          mount -t ext4 /dev/sdb3 /media && snapctl save /media/image && snapctl resume --check /media/image && snapctl commit &&
          snapctl resume --check /media/image' 2>&1
      exit: 3
      stdout: 'is stale: its snapshot has been committed \\(the store on /dev/sdb1 tells\\)'
  - run: rm /media/image && umount /media && echo rollback > /sys/kernel/snapshot/orphan
  - run: { command: "snapctl take sh -c 'echo live > /root/said'; grep -q rollback /sys/kernel/snapshot/came_back_by || sleep 60; cat /root/said", stdout: '^committed$' }
  - run: echo keep-stores > /sys/kernel/snapshot/orphan
  - run: { command: snapctl take snapctl commit 2>&1, exit: 1, stdout: 'a commit from this store cannot be completed when the power is lost meanwhile: it is in memory' }
  - shutdown
  - boot
  - run: { command: cat /root/said, stdout: '^committed$' }
  # The second one has more to do. Nothing of the first one tells that it has ended.
  - suspend: { method: sys_snapshot, then: commit }
  - suspend: { method: sys_snapshot, then: commit, beforeSaving: [head -c 16M /dev/urandom > /root/said && sync] }
  - run: '! ls -d /sys/block/dm-[1-9]*'
  - shutdown
`,
  );
  t.same(report.failures, []);
});

t.test('the next boot completes a commit that losses of power have interrupted', async (t) => {
  const { report, outcome } = await runText(
    t.testdir({}),
    `${commitCutBegins}
  - repeat:
      times: 2
      steps:
${commitCutSteps('        ')}
  - run: { command: snapctl info /dev/sdb1, stdout: 'state: committed' }
  - shutdown
`,
  );
  t.same(report.failures, []);
  const said = new TextDecoder().decode(outcome.main.console);
  t.match(said, /(the commit of snapshot \S+ is complete: [1-9]\d* chunks of 4 KiB were missing[^]*){2}/);
});
