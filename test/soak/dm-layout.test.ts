// SPDX-License-Identifier: MIT
/** Device-mapper devices that a recipe lays over a volume: several targets, and one device over another, through a snapshot. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runText } from '../e2e/cycle-support.js';

const RECIPE = `size: 706 MiB
table: gpt
partitions:
  - { name: cow, size: 64 MiB, filesystem: raw }
  - { name: swap, size: 288 MiB, filesystem: swap }
  - { name: store, size: 320 MiB, filesystem: ext4 }
  - name: data
    size: 32 MiB
    filesystem: raw
    deviceMapper:
      # The halves of the volume, the second one first.
      - { name: turned, table: [0 32768 linear VOLUME 32768, 32768 32768 linear VOLUME 0] }
      - { name: over, table: [0 61440 linear /dev/mapper/turned 2048] }
`;

t.test('a filesystem on linear over linear of two targets', async (t) => {
  const dir = t.testdir({});
  await writeFile(join(dir, 'data.yaml'), RECIPE);
  const { report, outcome } = await runText(
    dir,
    `name: layout
disks: [root, ./data.yaml]
control: false
steps:
  - boot
  - run: dmsetup table turned && dmsetup table over
  - run: mkfs.ext4 -q /dev/mapper/over && mkdir /mnt/data && mount /dev/mapper/over /mnt/data && echo before > /mnt/data/where
  - suspend: { method: sys_snapshot, compress: false, whileSaving: [echo live > /mnt/data/where && sync] }
  - resume
  - verify
  - run: { command: cat /mnt/data/where, stdout: ^before$ }
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.equal(
    outcome.main.commands[0]?.stdout.replaceAll(/\d+:\d+/g, 'device'),
    '0 32768 linear device 32768\n32768 32768 linear device 0\n0 61440 linear device 2048\n',
  );
});
