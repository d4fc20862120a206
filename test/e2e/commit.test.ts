// SPDX-License-Identifier: MIT
/** snapshot(2): the live timeline becomes the only one. The soak has the longer forms of both tests. */
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
  - { from: ${packagePath('test/scenarios/programs/on-disk.sh')}, to: /usr/local/bin/on-disk.sh, mode: '0644' }
steps:
  - boot
  - run: mkdir -p /mnt/ext4 && mount -t ext4 /dev/sdb4 /mnt/ext4 && head -c 4M /dev/zero > /mnt/ext4/file && sync
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
    `name: commit, power cut
machine: { cmdline: rig.store=/dev/sdb1 }
disks: [root, filesystems]
control: false
files:
  - { from: ${packagePath('test/scenarios/programs/commit-cut.sh')}, to: /usr/local/bin/commit-cut.sh, mode: '0755' }
steps:
  - boot
  - run: commit-cut.sh begin
  - run: { timeout: 60 s, command: snapctl take -c /dev/sdb1 commit-cut.sh live 0.02 0.4, stdout: being merged }
  - cutPower
  - boot: { faults: [{ cutPower: { write: 0, disk: 1, sectors: 1 } }] }
  - boot
  - run: { timeout: 60 s, command: commit-cut.sh check, stdout: '[1-9]\\d* blocks synced' }
  - run: { command: snapctl info /dev/sdb1, stdout: 'state: committed' }
  - shutdown
`,
  );
  t.same(report.failures, []);
  const said = new TextDecoder().decode(outcome.main.console);
  t.match(said, /the commit of snapshot \S+ is complete: [1-9]\d* chunks of 4 KiB were missing/);
});
