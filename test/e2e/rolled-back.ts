// SPDX-License-Identifier: MIT
/** What tests of rollbacks share. */
import type { Test } from 'tap';
import { runText } from './cycle-support.js';

/** Spoils memory and files in live timelines and goes back, `times` times in one boot: nothing of it must be left. */
export async function checkRollbacks(t: Test, times: number): Promise<void> {
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
  // What is mounted afterwards has no substitute, so its writes stay.
  const said = Array<string>(times).fill('live').join('\\s');
  const { report, outcome } = await runText(
    t.testdir({}),
    `name: rollback\ncontrol: false\nsteps:
  - boot
  - run: find /etc -type f -exec md5sum {} + > /run/sums
  - selfcheck: start
  ${cycle.repeat(times)}- run: { command: mount -t ext4 /dev/sdb3 /mnt && cat /mnt/said && umount /mnt, stdout: '^${said}$' }
  - selfcheck: verify
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report, {
    cycles: times,
    memory: { pagesDiffering: 0 },
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
  });
  t.ok((report.memory.pagesByReason['rollback'] ?? 0) > 100, 'pages are held for the way back');
  t.equal(report.image.pagesCompared, 0, 'no image has been saved');
  t.ok(report.selfChecks.passed > 10 && report.selfChecks.failed === 0, `${report.selfChecks.passed} self-checks`);
  const stderr = outcome.main.commands.map((command) => command.stderr).join('');
  t.notMatch(stderr, /snapctl:/);
}
