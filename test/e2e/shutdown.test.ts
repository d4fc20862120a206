// SPDX-License-Identifier: MIT
/** The shutdown takes down whatever stands on the disks, and names what it cannot. */
import t from 'tap';
import { runText } from './cycle-support.js';

t.test('filesystems, loop and device-mapper devices and swap on one another', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: stack\ncontrol: false\nsteps:
  - boot
  - run: mkdir /run/a /run/b /run/c && mount /dev/sdb3 /run/a && truncate -s 24M /run/a/disk && losetup /dev/loop3 /run/a/disk
  - run: DM_DISABLE_UDEV=1 dmsetup create lower --table '0 49152 linear /dev/loop3 0'
  - run: DM_DISABLE_UDEV=1 dmsetup create upper --table '0 49152 linear /dev/mapper/lower 0'
  - run: mke2fs -q -t ext4 /dev/mapper/upper && mount /dev/mapper/upper /run/b && truncate -s 8M /run/b/disk
  - run: mke2fs -q -t ext4 /run/b/disk && mount -o loop /run/b/disk /run/c && echo kept > /run/c/file
  - run: dd if=/dev/zero of=/run/b/swap bs=1M count=4 && mkswap /run/b/swap && swapon /run/b/swap
  - start: exec sleep 1000 > /run/c/open
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report.filesystems, [
    { device: 'sda', clean: true },
    { device: 'sdb3', clean: true },
  ]);
});

t.test('a device that is held is named', async (t) => {
  // A frozen filesystem can be unmounted, and then still holds its device.
  const { report } = await runText(
    t.testdir({}),
    `name: held\ncontrol: false\nsteps:
  - boot
  - run: DM_DISABLE_UDEV=1 dmsetup create held --table "0 $(blockdev --getsz /dev/sdb3) linear /dev/sdb3 0"
  - run: mkdir /run/a && mount /dev/mapper/held /run/a && fsfreeze -f /run/a
  - shutdown
`,
  );
  t.equal(report.verdict, 'fail');
  t.match(report.failures[0], {
    kind: 'filesystem',
    what: /^the guest's shutdown left in use, .*: device-mapper device held$/,
    details: [/^device-mapper device held: Device or resource busy$/],
  });
});
