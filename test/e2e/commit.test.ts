// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline becomes the only one. */
import t from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText } from './cycle-support.js';

t.test('what the live timeline writes gets to the devices while programs write and read', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: commit
disks: [root, filesystems]
control: false
files:
  - { from: ${packagePath('test/scenarios/programs/commit.sh')}, to: /usr/local/bin/commit.sh, mode: '0755' }
steps:
  - boot
  - run: mkdir -p /mnt/ext4 && mount -t ext4 /dev/sdb4 /mnt/ext4 && head -c 4M /dev/zero > /mnt/ext4/file && sync
  - run: { command: SNAPSHOT_FD=0 snapctl commit 2>&1 < /dev/null, exit: 1, stdout: 'Inappropriate ioctl for device; boot a kernel' }
  - run: { timeout: 60 s, command: snapctl take -c /dev/sdb1 commit.sh /mnt/ext4/file sdb sdb4 }
  - run: { timeout: 60 s, command: snapctl take sh -c 'echo committed > /root/said && commit.sh /mnt/ext4/file sdb sdb4' }
  - run: '! ls -d /sys/block/dm-[1-9]*'
  - run: { command: snapctl take snapctl commit 2>&1, exit: 1, stdout: 'a commit that a loss of power interrupts cannot be completed later; give --no-recovery' }
  - shutdown
  - boot
  - run: { command: cat /root/said, stdout: '^committed$' }
  - shutdown
`,
  );
  t.same(report.failures, []);
});
