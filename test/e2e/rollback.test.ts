// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline is given up, and the machine is back at the snapshot. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { notCaught } from '../../tools/soak/mistakes.js';
import { runText } from './cycle-support.js';

t.test('what the live timeline has done is undone', async (t) => {
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
  ${cycle}  - run: { command: mount -t ext4 /dev/sdb3 /mnt && cat /mnt/said && umount /mnt, stdout: '^live$' }
  - selfcheck: verify
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report, { cycles: 1, memory: { pagesDiffering: 0 }, disk: { sectorsDiffering: 0, originSectorsWritten: 0 } });
  t.ok((report.memory.pagesByReason['rollback'] ?? 0) > 100, 'pages are held for the way back');
  t.equal(report.image.pagesCompared, 0, 'no image has been saved');
  t.ok(report.selfChecks.passed > 10 && report.selfChecks.failed === 0, `${report.selfChecks.passed} self-checks`);
  const stderr = outcome.main.commands.map((command) => command.stderr).join('');
  t.notMatch(stderr, /snapctl:/);
});

t.test('power is cut right after the rollback', async (t) => {
  // The live timeline has thawed its filesystems before.
  const { report } = await runText(
    t.testdir({}),
    `name: cut\ncontrol: false\nsteps:
  - boot
  - run: echo before > /root/where && sync
  - suspend:
      method: sys_snapshot
      then: rollback
      beforeSaving: [echo live > /root/where && sync]
      faults: [{ cutPower: { marker: 'thawFilesystems:end', nth: 2 } }]
  - boot
  - run: { command: cat /root/where, stdout: '^before$' }
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report.filesystems, [{ at: 'powerOff', device: 'sda', clean: true }]);
});

t.test('a broken kernel is caught', async (t) => {
  const mistake = 'skip-put-back';
  const scenario = packagePath('test', 'scenarios', `broken-${mistake}.yaml`);
  const { report } = await runText(t.testdir({}), await readFile(scenario, 'utf8'));
  t.same(notCaught(mistake, report), []);
});
