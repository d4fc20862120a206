// SPDX-License-Identifier: MIT
/** Two rollbacks in one boot, a kernel that does not go back wholly, and a rollback where there is nothing to go back to. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { notCaught } from '../../tools/soak/mistakes.js';
import { runText } from '../e2e/cycle-support.js';

t.test('what the live timeline has done is undone, twice in one boot', async (t) => {
  const cycle = `- suspend:
      method: sys_snapshot
      then: rollback
      beforeSaving:
        - scribble /etc /usr/share /var && sync
        - mount -t ext4 /dev/sdb3 /mnt && echo live >> /mnt/said
  - verify
  - run: md5sum -c --quiet /run/sums && ! mountpoint -q /mnt
  - run: { command: cat /sys/kernel/snapshot/came_back_by, stdout: '^rollback$' }
`;
  const { report, outcome } = await runText(
    t.testdir({}),
    `name: rollback\ncontrol: false\nsteps:
  - boot
  - run: find /etc -type f -exec md5sum {} + > /run/sums
  - selfcheck: start
  ${cycle}  ${cycle}  - run: { command: mount -t ext4 /dev/sdb3 /mnt && cat /mnt/said && umount /mnt, stdout: '^live\\slive$' }
  - selfcheck: verify
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report, { cycles: 2, memory: { pagesDiffering: 0 }, disk: { sectorsDiffering: 0, originSectorsWritten: 0 } });
  t.ok((report.memory.pagesByReason['rollback'] ?? 0) > 100, 'pages are held for the way back');
  t.equal(report.image.pagesCompared, 0, 'no image has been saved');
  t.ok(report.selfChecks.passed > 10 && report.selfChecks.failed === 0, `${report.selfChecks.passed} self-checks`);
  const stderr = outcome.main.commands.map((command) => command.stderr).join('');
  t.notMatch(stderr, /snapctl:/);
});

t.test('a broken kernel is caught', async (t) => {
  const mistake = 'keep-store';
  const scenario = packagePath('test', 'scenarios', `broken-${mistake}.yaml`);
  const { report } = await runText(t.testdir({}), await readFile(scenario, 'utf8'));
  t.same(notCaught(mistake, report), []);
});

t.test('a rollback without a snapshot is refused', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: refused\ncontrol: false\nsteps:
  - boot
  - run: { command: snapctl rollback 2>&1, exit: 1, stdout: '^snapctl: rollback: SNAPSHOT_FD is not set; let snapctl take' }
  - run: { command: SNAPSHOT_FD=0 snapctl rollback 2>&1 < /dev/null, exit: 1, stdout: 'Inappropriate ioctl for device; boot a kernel' }
  - shutdown
`,
  );
  t.same(report.failures, []);
});
