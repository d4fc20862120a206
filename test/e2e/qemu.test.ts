// SPDX-License-Identifier: MIT
/**
 * A scenario in QEMU, with the x86_64 kernel on two processors: both methods of a suspend with all proofs, and a commit. The soak has more
 * of them, and `npm run soak -- --engine qemu` runs all the others, and the broken kernels.
 */
import t from 'tap';
import { obtainDisk } from '../../disk-images/build.js';
import { context, reportIn } from './cycle-support.js';
import { pass } from './qemu-support.js';

const [root] = (await obtainDisk('root', context)).volumes;

const SUSPENDS = `name: both methods and a commit on two processors
machine:
  { engine: qemu, arch: x86_64, processors: 2, memory: 256 MiB, diskBus: nvme, cmdline: rig.root=UUID=${root?.uuid ?? ''} resume=PARTLABEL=swap }
control: false
steps:
  - boot
  - run: grep -x 450000 /sys/block/nvme[01]n1/queue/io_timeout
  - run: '[ $(readlink -f /dev/sdb3) = /dev/nvme1n1p3 ] && [ $(readlink -f /dev/disk/by-partlabel/store) = /dev/nvme1n1p3 ]'
  - run: find /etc -type f -exec md5sum {} + > /run/sums
  # The call by a 32-bit program: the rig takes the snapctl that it finds first.
  - run: ln -s /opt/i386/bin/snapctl /usr/local/bin/snapctl
  - suspend: { method: sys_snapshot, offTime: 1 h, compress: false, beforeSaving: [echo live > /etc/motd && sync] }
  - resume
  - verify
  - suspend: { method: swsusp, offTime: 1 h }
  - resume
  - verify
  - run: md5sum -c --quiet /run/sums
  - suspend: { method: sys_snapshot, then: commit, beforeSaving: [echo committed > /root/said && sync] }
  - run: { command: cat /root/said, stdout: ^committed$ }
  - shutdown
`;

t.test(
  'a snapshot by a 32-bit program, a hibernation and a commit on two processors and NVMe disks that are found by their ids, with all proofs',
  async (t) => {
    const { json } = await pass(t, SUSPENDS);
    const { perCycle, disk, filesystems } = await reportIn(json);
    t.same(
      perCycle.map(({ method }) => method),
      ['sys_snapshot', 'swsusp', 'sys_snapshot'],
    );
    // What is committed is compared with nothing.
    for (const { method, memory, image } of perCycle.slice(0, 2)) {
      t.ok(memory && memory.pagesCompared > 1000, method);
      t.equal(memory?.pagesDiffering, 0, method);
      t.ok(image && image.pagesCompared > 1000, method);
      t.equal(image?.pagesDiffering, 0, method);
    }
    t.equal(disk.originSectorsWritten, 0);
    t.ok(filesystems.length > 1 && filesystems.every(({ clean }) => clean));
  },
);
